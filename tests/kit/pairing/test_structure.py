"""Pictures of one scene are told from those of others by their edges alone."""

import numpy as np
import pytest
from drawn_scenes import W, photo, sketch

from imtrans.kit.pairing.structure import fit

SEEDS = range(24)
MADE = {
    "label map": sketch,
    "negative": lambda seed: 255 - photo(seed),
    "16 bits, grey, doubled": lambda seed: (photo(seed)[..., 1:2] * np.uint16(257)).repeat(2, 0).repeat(2, 1),
    "out of register by 3 %": lambda seed: np.roll(photo(seed), (1, 2), (0, 1)),
    "floats of five channels": lambda seed: np.dstack([photo(seed), photo(seed)[..., :2]]).astype(np.float32) / 255,
}


@pytest.mark.parametrize("count", [1, 2, 4, 5, 24])
@pytest.mark.parametrize("other", MADE.values(), ids=MADE)
def test_what_is_made_of_a_picture_fits_it(other, count):
    assert fit([photo(s) for s in SEEDS[:count]], [other(s) for s in SEEDS[:count]]).is_evident


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4, 5, 24])
def test_other_partners_and_halves_of_one_photo_do_not_fit(count):
    refused = 0
    for start in range(0, 1000, 50):
        seeds = [start + s for s in SEEDS[:count]]
        shuffled = fit([photo(s) for s in seeds], [sketch(s) for s in seeds[1:] + seeds[:1]])
        wide = [photo(s, width=2 * W) for s in seeds]
        cut = fit([p[:, :W] for p in wide], [p[:, W:] for p in wide])
        refused += (not shuffled.is_evident) + (not cut.is_evident)
    assert refused >= 38  # of 40: 95 in 100


def test_pictures_of_one_colour_and_none_are_no_evidence():
    blank = [np.full((8, 8, 3), 7, np.uint8)] * 5
    assert not fit(blank, blank).is_evident
    assert not fit([], []).is_evident


def test_a_picture_that_is_there_twice_is_no_stranger():
    seeds = [1, 1, 2, 2, 3, 3, 4, 4]
    assert fit([photo(s) for s in seeds], [sketch(s) for s in seeds]).is_evident
