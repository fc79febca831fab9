"""Colour spaces: RGB to grey or CIE Lab, and back."""

import numpy as np

from imtrans.interfaces import ImageSpec
from imtrans.kit.images.array import Array

# To the network: L / 50 - 1 and ab / 110, as in the colorization mode of the original pix2pix.
LIGHTNESS = ImageSpec(kind="data", channels=1, low=0, high=100, bits=32, space="lab-l")
AB = ImageSpec(kind="data", channels=2, low=-110, high=110, bits=32, space="lab-ab")
# sRGB to CIE XYZ, and the white D65, with the constants of scikit-image and kornia, so that all three agree.
TO_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
WHITE = np.array([0.95047, 1.0, 1.08883])
_SRGB = np.arange(256) / 255
SRGB_TO_LINEAR = np.where(_SRGB > 0.04045, ((_SRGB + 0.055) / 1.055) ** 2.4, _SRGB / 12.92)


def split_lab(picture: Array) -> tuple[Array, Array]:
    """(H, W, 3) uint8 RGB as lightness (H, W, 1) in [0, 100] and ab (H, W, 2), float32 (CIE Lab, D65).

    By the formula, in float64: OpenCV's comes from a table, with a and b up to 0.47 off.
    """
    xyz = SRGB_TO_LINEAR[picture] @ (TO_XYZ.T / WHITE)
    x, y, z = np.moveaxis(np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116), -1, 0)
    lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)
    return lab[..., :1], lab[..., 1:]


def join_lab(lightness: Array, ab: Array) -> Array:
    """The picture, (H, W, 3) uint8 RGB, of lightness (H, W, 1) and ab (H, W, 2); colours outside sRGB are clipped."""
    y = (lightness[..., 0].astype(np.float64) + 16) / 116
    f = np.stack([y + ab[..., 0] / 500.0, y, y - ab[..., 1] / 200.0], axis=-1)
    xyz = np.where(f > 0.2068966, f**3, (f - 16 / 116) / 7.787) * WHITE
    linear = (xyz @ np.linalg.inv(TO_XYZ).T).clip(0, 1)
    rgb = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    picture: Array = np.rint(rgb * 255).astype(np.uint8)
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
