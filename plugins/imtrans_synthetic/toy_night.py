"""The colours of a facade by night: a dark sky, walls in blue shade, and light in the windows."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from imtrans_synthetic.toy_materials import Bytes, Colour


class NightLook(NamedTuple):
    """By night a colour of the day times `factor`, plus `offset`, for each channel."""

    factor: tuple[float, float, float]
    offset: tuple[float, float, float]


# Darker, and bluer: what the sky alone lights.
_SHADE = NightLook((0.26, 0.29, 0.44), (4, 6, 20))
LOOKS: Mapping[str, NightLook] = {
    "sky": NightLook((0.30, 0.28, 0.20), (-20, -34, -16)),
    # Glass, dark by day, is what shines; frames and bars are dark before the light.
    "window": NightLook((-0.78, -0.72, -0.5), (262, 218, 146)),
}
_GLOW: Colour = (255, 190, 96)  # of the light that falls on the wall around a window
_REACH, _STRENGTH = 0.022, 0.42  # of the shorter side; of the colour


def night(classes: Bytes, colours: Bytes, names: Sequence[str]) -> Bytes:
    """A canvas of day colours (H, W, 3) by night; `classes` (H, W) are indices of `names`."""
    looks = [LOOKS.get(name, _SHADE) for name in names]
    factor, offset = (np.array([getattr(look, part) for look in looks], np.float32) for part in ("factor", "offset"))
    dark = colours * factor[classes] + offset[classes]
    shining = (classes == names.index("window")).astype(np.float32)
    sigma = _REACH * min(classes.shape)
    # Light does not fall on the sky, nor does a window light itself.
    lit = cv2.GaussianBlur(shining, (0, 0), sigma) * (1 - shining) * (classes != names.index("sky"))
    glow = np.array(_GLOW, np.float32) * np.float32(_STRENGTH) * lit[..., None]
    return np.asarray(np.clip(dark + glow + 0.5, 0, 255), np.uint8)
