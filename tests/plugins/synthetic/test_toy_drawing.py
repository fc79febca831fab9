"""The drawn facades: the same each time, and a picture that the labels tell."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from imtrans_synthetic import toy_drawing
from imtrans_synthetic.toy_drawing import PALETTE, draw

Floats = NDArray[np.float64]
COLOURS = np.array(list(PALETTE.values()))


def pairs(indexes: range) -> tuple[NDArray[np.uint8], Floats]:
    """Labels, and pictures in [-1, 1], both (N, 64, 64, 3)."""
    drawn = [draw(index, height=64, width=64) for index in indexes]
    labels, pictures = (np.stack(images) for images in zip(*drawn, strict=True))
    return labels, pictures / 127.5 - 1


def l1(prediction: Floats, target: Floats) -> float:
    return float(np.abs(prediction - target).mean())


def digest(index: int) -> str:
    labels, picture = draw(index, height=33, width=50)
    return hashlib.sha256(labels.tobytes() + picture.tobytes()).hexdigest()


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "import hashlib; from imtrans_synthetic.toy_drawing import draw;"
        "a, b = draw(7, height=33, width=50);"
        "print(hashlib.sha256(a.tobytes() + b.tobytes()).hexdigest())"
    )
    plugins = Path(toy_drawing.__file__).parents[1]
    told = subprocess.run([sys.executable, "-c", code], cwd=plugins, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == digest(7) == digest(7)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (33, 50), (64, 64), (50, 33), (256, 256)])
def test_every_size_gives_uint8_and_palette_colours_alone(height: int, width: int) -> None:
    for image in draw(3, height=height, width=width):
        assert image.shape == (height, width, 3)
        assert image.dtype == np.uint8
    labels, _ = draw(3, height=height, width=width)
    found = {tuple(colour) for colour in labels.reshape(-1, 3).tolist()}
    assert found <= set(PALETTE.values())


def test_classes_have_colours_of_their_own() -> None:
    assert len(set(PALETTE.values())) == len(PALETTE)


@pytest.mark.slow
def test_every_class_occurs_among_the_first_200() -> None:
    labels, _ = pairs(range(200))
    found = {tuple(colour) for colour in np.unique(labels.reshape(-1, 3), axis=0).tolist()}
    assert found == set(PALETTE.values())


def test_two_indexes_differ_in_labels_and_picture() -> None:
    for one, other in zip(draw(0, height=64, width=64), draw(1, height=64, width=64), strict=True):
        assert (one != other).any(axis=2).mean() > 0.1


def test_scene_is_the_same_at_every_size() -> None:
    small, _ = draw(5, height=64, width=64)
    large, _ = draw(5, height=256, width=256)
    assert (small == large[2::4, 2::4]).all(axis=2).mean() > 0.9


@pytest.mark.parametrize(("index", "height", "width"), [(-1, 64, 64), (0, 15, 64), (0, 64, 15)])
def test_what_cannot_be_drawn_is_told(index: int, height: int, width: int) -> None:
    with pytest.raises(ValueError, match=rf"facade {index} at {height}x{width}: .* 16 pixels"):
        draw(index, height=height, width=width)


@pytest.mark.slow
def test_labels_tell_what_the_mean_picture_cannot() -> None:
    train_labels, train = pairs(range(64))
    labels, pictures = pairs(range(1000, 1032))
    of_mean = l1(train.mean(axis=0)[None], pictures)
    painted = np.zeros_like(pictures)
    for colour in COLOURS:
        mean = train[(train_labels == colour).all(axis=-1)].mean(axis=0)
        painted[(labels == colour).all(axis=-1)] = mean
    assert of_mean >= 0.2
    assert l1(painted, pictures) <= 0.6 * of_mean
