"""Flicker: measured by hand on what moves in a known way, and reduced where the source only moved."""

import numpy as np
import pytest
from films import moving, texture
from skimage import data as photos

from imtrans.engine.inference.video.flicker import Steadier
from imtrans.engine.inference.video.motion import Motion


def flickering(frames, *, amount=12, seed=1):
    """A translation that shifts all colours of each frame by chance: it flickers by nothing but that."""
    shifts = np.random.default_rng(seed).uniform(-amount, amount, len(frames))
    return [np.clip(f * 0.8 + 25 + s, 0, 255).astype(np.uint8) for f, s in zip(frames, shifts, strict=True)]


def steadied(steady, sources, results):
    steadier = Steadier(steady)
    return steadier, [steadier.steadied(s, r) for s, r in zip(sources, results, strict=True)]


@pytest.mark.parametrize("steady", [0.0, 0.8, 1.0])
def test_a_still_film_does_not_flicker_and_is_not_changed(steady):
    steadier, results = steadied(steady, [texture()] * 4, [texture()[::-1]] * 4)
    assert vars(steadier.flicker) | {"pairs": 0, "steps": 0} == dict.fromkeys(vars(steadier.flicker), 0)
    assert all(np.array_equal(result, texture()[::-1]) for result in results)


def test_the_change_between_frames_is_a_mean_over_all_values():
    sources = [np.full((40, 40, 3), n, np.uint8) for n in (100, 104, 104)]
    results = [np.full((40, 40, 3), n, np.uint8) for n in (50, 60, 57)]
    steadier, _ = steadied(0.0, sources, results)
    assert steadier.flicker.pairs == 2
    assert steadier.flicker.source_change == pytest.approx(4 + 0)
    assert steadier.flicker.result_change == pytest.approx(10 + 3)
    assert "source 2.00, result 6.50 levels of 255, 3.25 times" in steadier.flicker.lines()[0]


def test_what_only_moves_does_not_flicker():
    """A translation that is the source itself moves as the source does: what is left is the same for both."""
    frames = moving(5, size=(96, 96))
    flicker = steadied(0.0, frames, frames)[0].flicker
    assert flicker.result_flicker == pytest.approx(flicker.source_flicker)
    assert flicker.source_flicker < 0.1 * flicker.source_change
    assert flicker.steps == flicker.pairs == 4


def test_points_are_carried_to_where_they_are():
    before, after = moving(2, size=(96, 96), step=3)
    motion = Motion(before, after)
    inner = (slice(8, -8), slice(8, -8))
    unmoved = np.abs(before.astype(float) - after)[inner].mean()
    assert np.abs(motion.carried(before) - after)[inner].mean() < 0.1 * unmoved
    assert motion.trust[inner].mean() > 0.8
    assert motion.trust[-1].max() == 0  # the row that came into the picture


def test_less_flicker_the_steadier_it_is():
    sources = moving(12, size=(96, 96))
    results = flickering(sources)
    flickers = [steadied(steady, sources, results)[0].flicker.result_flicker for steady in (0.0, 0.4, 0.8)]
    assert flickers[0] > 1.5 * flickers[1] > 2 * flickers[2]


def test_a_cut_leaves_no_ghost():
    before, after = photos.astronaut()[100:228, 100:228], photos.coffee()[100:228, 100:228]
    results = [np.full_like(before, 200), np.full_like(after, 40)]
    steadier, (_, result) = steadied(1.0, [before, after], results)
    assert np.array_equal(result, results[1])
    assert steadier.flicker.pairs == 1
    assert steadier.flicker.steps == 0  # of a cut no flicker is measured


def test_what_a_thing_uncovers_is_not_blended():
    """A square moves over a texture: what was under it, and what it covers now, have no past."""
    ground = texture(96, 96)
    frames = []
    for x in (20, 32):
        frame = ground.copy()
        frame[30:60, x : x + 30] = np.where(texture(30, 30) > 128, 255, 0)
        frames.append(frame)
    results = [np.full_like(ground, 200), np.full_like(ground, 40)]
    _, (_, result) = steadied(1.0, frames, results)
    assert np.median(result[34:56, 21:29]) <= 60  # uncovered: as the network drew it
    assert np.median(result[70:, 70:]) >= 180  # still: as it was


def test_pictures_too_small_for_flow_are_taken_as_unmoved():
    sources = [np.full((8, 8, 3), 90, np.uint8), np.full((8, 8, 3), 96, np.uint8)]
    _, (_, result) = steadied(1.0, sources, [np.full((8, 8, 3), n, np.uint8) for n in (100, 140)])
    assert result == pytest.approx(140 - (1 - 6 / 24) * 40)
