"""The drawn CAD sketches: the same each time, and a hand that stays near the ruler."""

import hashlib
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from imtrans_synthetic import cad_drawing
from imtrans_synthetic.cad_drawing import draw

Bytes = NDArray[np.uint8]
DARK = 128


def digest(index: int) -> str:
    hand, exact = draw(index, height=48, width=72)
    return hashlib.sha256(hand.tobytes() + exact.tobytes()).hexdigest()


def share_near(dark: Bytes, other: Bytes, *, within: float) -> float:
    """The share of dark pixels of one image that have a dark pixel of the other within so many pixels."""
    distance = cv2.distanceTransform((other[..., 0] >= DARK).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return float((distance[dark[..., 0] < DARK] <= within).mean())


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "import hashlib; from imtrans_synthetic.cad_drawing import draw;"
        "a, b = draw(7, height=48, width=72);"
        "print(hashlib.sha256(a.tobytes() + b.tobytes()).hexdigest())"
    )
    plugins = Path(cad_drawing.__file__).parents[1]
    told = subprocess.run([sys.executable, "-c", code], cwd=plugins, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == digest(7) == digest(7)


@pytest.mark.parametrize(
    ("height", "width"), [(32, 32), (33, 50), (64, 64), (96, 40), (256, 256), (288, 432), (600, 900)]
)
def test_every_size_gives_uint8_grey_on_white(height: int, width: int) -> None:
    for index in range(5):
        for image in draw(index, height=height, width=width):
            assert image.shape == (height, width, 3)
            assert image.dtype == np.uint8
            assert (image == image[..., :1]).all()
            assert image[..., 0].min() < DARK < image[0, 0, 0] == 255


def test_size_is_that_of_the_published_pairs_unless_told() -> None:
    assert [image.shape for image in draw(0)] == [(288, 432, 3)] * 2


@pytest.mark.slow
def test_few_sketches_are_equal() -> None:
    exact = {draw(index, height=64, width=96)[1].tobytes() for index in range(200)}
    assert len(exact) > 195


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 1_000_000, 2_000_000])
def test_hand_and_ruler_draw_the_same_within_6_pixels(first: int) -> None:
    for index in range(first, first + 40):
        hand, exact = draw(index)
        assert share_near(exact, hand, within=6) >= 0.97, index
        assert share_near(hand, exact, within=6) >= 0.97, index


def test_the_hand_wavers_where_the_ruler_does_not() -> None:
    for index in range(40):
        hand, exact = draw(index)
        assert share_near(hand, exact, within=0.5) < 0.8, index


def test_paper_is_white_and_most_of_the_image() -> None:
    for index in range(60):
        for image in draw(index):
            assert (image == 255).mean() >= 0.8, index
            assert (image < DARK).mean() >= 0.003, index


def test_sketch_is_centred_and_fills_most_of_one_side() -> None:
    for index in range(60):
        rows, columns = np.nonzero(draw(index)[1][..., 0] < DARK)
        spans = [(columns.min() / 431, columns.max() / 431), (rows.min() / 287, rows.max() / 287)]
        assert all(abs(low + high - 1) < 0.04 for low, high in spans), index
        assert 0.6 <= max(high - low for low, high in spans) <= 0.92, index


def test_a_sketch_is_the_same_at_every_size_of_one_aspect() -> None:
    for index in range(10):
        large, small = draw(index, height=576, width=864), draw(index)
        for big, image in zip(large, small, strict=True):
            shrunk = cv2.resize(big, (432, 288), interpolation=cv2.INTER_AREA)
            assert share_near(shrunk, image, within=2) > 0.99, index


def test_level_and_upright_lines_are_one_black_pixel_wide() -> None:
    grey = [draw(index)[1][..., 0] for index in range(20)]
    runs = [(image == 0).sum(axis=axis).max() for image in grey for axis in (0, 1)]
    assert max(runs) > 100
    edge = next(image for image in grey for row in image if (row == 0).sum() > 100)
    row = int((edge == 0).sum(axis=1).argmax())
    beside = edge[[row - 1, row + 1]][:, edge[row] == 0]
    assert (beside == 255).mean() > 0.9


@pytest.mark.parametrize(("index", "height", "width"), [(-1, 288, 432), (0, 31, 432), (0, 288, 31)])
def test_what_cannot_be_drawn_says_what_can(index: int, height: int, width: int) -> None:
    with pytest.raises(ValueError, match=f"sketch {index} at {height}x{width}: .* 0 or more .* 32 pixels or more"):
        draw(index, height=height, width=width)
