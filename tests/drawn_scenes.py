"""Drawn scenes for tests of pairing: a photo, and what else one can make of the same scene."""

from pathlib import Path

import numpy as np
from PIL import Image

from imtrans.kit.images import encode

H, W = 48, 64


def classes(seed: int, *, width: int = W) -> np.ndarray:
    """Class numbers 0 to 3 of rectangles in random places."""
    random, scene = np.random.default_rng(seed), np.zeros((H, width), np.uint8)
    for number in range(9):
        y, x = random.integers(0, H - 8), random.integers(0, width - 8)
        h, w = random.integers(6, 22, 2)
        scene[y : y + h, x : x + w] = number % 4
    return scene


def photo(seed: int, *, width: int = W) -> np.ndarray:
    """Its photo: colours with noise."""
    colours = np.array([[30, 60, 120], [200, 80, 60], [80, 180, 90], [230, 220, 120]])
    noise = np.random.default_rng(1000 + seed).integers(-12, 12, (H, width, 3))
    return (colours[classes(seed, width=width)] + noise).clip(0, 255).astype(np.uint8)


def sketch(seed: int) -> np.ndarray:
    """Its grey label map."""
    return np.repeat(classes(seed)[..., None] * np.uint8(80), 3, axis=2)


def halves(seed: int, *, other: int | None = None) -> np.ndarray:
    """Sketch and photo side by side; the photo is that of another scene where that is given."""
    return np.hstack([sketch(seed), photo(seed if other is None else other)])


def save(path: Path, picture: np.ndarray) -> None:
    """Write a picture in the format of its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() in (".jpg", ".png", ".gif") and picture.dtype == np.uint8:
        Image.fromarray(picture).save(path)
    else:
        encode(path, picture)


def pages(path: Path, *pictures: np.ndarray) -> None:
    """Write a TIFF of several pages."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = map(Image.fromarray, pictures)
    first.save(path, save_all=True, append_images=others)
