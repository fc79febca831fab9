"""Colour spaces: what a signal's values mean, and the way back to a picture."""

from typing import Any

import numpy as np

from imtrans.interfaces import ImageSpec

Array = np.ndarray[Any, Any]
# L / 50 - 1 and ab / 110, as the original's colourisation mode has them.
LIGHTNESS = ImageSpec(kind="data", channels=1, low=0, high=100, bits=32, space="lab-l")
AB = ImageSpec(kind="data", channels=2, low=-110, high=110, bits=32, space="lab-ab")


def split_lab(picture: Array) -> tuple[Array, Array]:
    """(H, W, 3) uint8 RGB as lightness (H, W, 1) in [0, 100] and ab (H, W, 2), float32 (CIE Lab, D65)."""
    import cv2

    lab: Array = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return lab[..., :1], lab[..., 1:]


def join_lab(lightness: Array, ab: Array) -> Array:
    """The picture, (H, W, 3) uint8 RGB, of lightness and ab; colours outside the gamut are cut."""
    import cv2

    lab = np.concatenate([lightness, ab], axis=-1).astype(np.float32)
    rgb = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    whole: Array = np.rint(rgb.clip(0, 1) * 255).astype(np.uint8)
    return whole


def grey(picture: Array) -> Array:
    """The weighted mean (Rec. 601) of (H, W, 3) uint8 RGB, three times."""
    import cv2

    plane: Array = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None]
    return np.repeat(plane, 3, axis=-1)


def into_space(picture: Array, spec: ImageSpec) -> Array:
    """An RGB picture as a signal wants it: its lightness, or grey three times; others as they are."""
    if spec.space == "lab-l" and picture.shape[-1] == 3:
        return split_lab(picture)[0]
    if spec.space == "grey" and picture.shape[-1] == 3:
        return grey(picture)
    return picture
