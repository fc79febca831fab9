"""Colour spaces: RGB to grey or CIE Lab, and back."""

import numpy as np

from imtrans.interfaces import ImageSpec
from imtrans.kit.images.array import Array

# To the network: L / 50 - 1 and ab / 110, as in the colorization mode of the original pix2pix.
LIGHTNESS = ImageSpec(kind="data", channels=1, low=0, high=100, bits=32, space="lab-l")
AB = ImageSpec(kind="data", channels=2, low=-110, high=110, bits=32, space="lab-ab")


def split_lab(picture: Array) -> tuple[Array, Array]:
    """(H, W, 3) uint8 RGB as lightness (H, W, 1) in [0, 100] and ab (H, W, 2), float32 (CIE Lab, D65)."""
    import cv2

    lab: Array = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return lab[..., :1], lab[..., 1:]


def join_lab(lightness: Array, ab: Array) -> Array:
    """The picture, (H, W, 3) uint8 RGB, of lightness (H, W, 1) and ab (H, W, 2); colours outside sRGB are clipped."""
    import cv2

    lab = np.concatenate([lightness, ab], axis=-1).astype(np.float32)
    rgb = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    picture: Array = np.rint(rgb.clip(0, 1) * 255).astype(np.uint8)
    return picture


def grey(picture: Array) -> Array:
    """Grey (the weighted mean of Rec. 601) as three equal channels, of (H, W, 3) uint8 RGB."""
    import cv2

    plane: Array = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None]
    return np.repeat(plane, 3, axis=-1)


def into_space(picture: Array, spec: ImageSpec) -> Array:
    """An RGB picture in the colour space of `spec`: its lightness, or grey in three channels; others unchanged."""
    if spec.space == "lab-l" and picture.shape[-1] == 3:
        return split_lab(picture)[0]
    if spec.space == "grey" and picture.shape[-1] == 3:
        return grey(picture)
    return picture
