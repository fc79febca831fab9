"""Shifts between source and target: the estimate of a pair, and what `imtrans data check` says about a set."""

import json

import cv2
import numpy as np
import pytest
from shifted_pairs import shifted_pair

from imtrans.kit.features.shift import shift_between
from imtrans_synthetic.toy_drawing import draw


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_estimate_for_drawn_pairs_is_within_half_a_pixel(seed):
    rng = np.random.default_rng(seed)
    shifts = rng.integers(-16, 17, (30, 2)) / 4
    estimates = [shift_between(*shifted_pair(100 * seed + n, down=d, right=r)) for n, (d, r) in enumerate(shifts)]
    # Of two in a hundred at most nothing is said: the next peak is too high.
    clear = [both for both in zip(estimates, shifts, strict=True) if both[0]]
    assert len(clear) >= 29
    np.testing.assert_allclose(*zip(*clear, strict=True), atol=0.5)


def test_pictures_of_any_depth_and_of_large_sizes_are_compared(tmp_path):
    labels, photo = draw(3, height=600, width=800)
    moved = np.roll(photo, (7, -5), axis=(0, 1))
    assert shift_between(labels, moved) == pytest.approx((7, -5), abs=0.5)
    deep = moved[..., :1].astype(np.uint16) * 257
    assert shift_between(labels, deep) == pytest.approx((7, -5), abs=0.5)
    holes = moved.astype(np.float32)
    holes[:40] = np.nan
    assert shift_between(labels, holes) == pytest.approx((7, -5), abs=0.5)


def test_pictures_without_common_edges_have_no_shift():
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(2)]
    assert shift_between(*noise) is None
    flat = np.full((64, 64, 3), 7, np.uint8)
    assert shift_between(flat, flat) is None
    assert shift_between(noise[0], noise[0][:, :60]) is None


def written(folder, shifts):
    for side in "AB":
        (folder / "train" / side).mkdir(parents=True)
    for number, (down, right) in enumerate(shifts):
        for side, picture in zip("AB", shifted_pair(number, down=down, right=right), strict=True):
            assert cv2.imwrite(str(folder / "train" / side / f"{number}.png"), picture[..., ::-1])


def checked(cli, folder):
    outcome = cli("data", "check", str(folder), "--json", "--set", "data.size=64")
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def test_pairs_that_fit_are_noted_without_a_warning(cli, tmp_path):
    written(tmp_path / "fit", [(0, 0)] * 6)
    report = checked(cli, tmp_path / "fit")
    assert not [i for i in report["issues"] if i["code"] == "shifted"]
    assert any("pixels in the median" in note and "edges of 6 of 6 pairs" in note for note in report["notes"])


def test_each_shifted_pair_is_named_with_its_shift(cli, tmp_path):
    shifts = [(0, 0), (3, -2), (0, 0.25), (-4, 1), (0, 0), (2, 2)]
    written(tmp_path / "set", shifts)
    report = checked(cli, tmp_path / "set")
    (issue,) = [i for i in report["issues"] if i["code"] == "shifted"]
    assert not issue["is_fault"]
    assert "3 of 6 pairs are off by 1 pixel or more" in issue["what"]
    assert "px higher" in issue["what"].split("Most: ")[1].split(";")[0]  # 3.png, the farthest
    assert "pyramid-l1" in issue["hint"]
    assert len(issue["files"]) == 6
    estimates = [shift for _, shift in sorted(report["shifts"].items())]
    np.testing.assert_allclose(estimates, shifts, atol=0.5)


def test_a_shift_that_all_pairs_share_is_said_once(cli, tmp_path):
    written(tmp_path / "set", [(2, -3)] * 5)
    (issue,) = [i for i in checked(cli, tmp_path / "set")["issues"] if i["code"] == "shifted"]
    assert issue["what"].startswith("All pairs are shifted alike, the target ")
    assert "px lower" in issue["what"]
    assert "further left" in issue["what"]
    again = checked(cli, tmp_path / "set")  # from the cache
    assert issue in again["issues"]
    assert again["examined"] == 0
