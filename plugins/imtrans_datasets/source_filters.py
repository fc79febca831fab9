"""How a photo becomes the source of a pair. All take and give (H, W, 3) uint8 RGB unless said otherwise."""

from typing import Any, Literal

import cv2
import numpy as np

Array = np.ndarray[Any, Any]
KERNEL = 27  # pixels; the blur's sigma follows from it: 0.3 ((27 - 1) / 2 - 1) + 0.8 = 4.4


def pencil(photo: Array, *, order: Literal["rgb", "bgr"] = "rgb") -> Array:
    """A pencil drawing: grey, divided by its own blurred negative ("colour dodge").

    `order` "bgr" weighs red as blue and blue as red, as the project does that this follows.
    """
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY if order == "rgb" else cv2.COLOR_BGR2GRAY)
    blurred = cv2.GaussianBlur(cv2.bitwise_not(grey), (KERNEL, KERNEL), 0)
    return _three(cv2.divide(grey, 255 - blurred, scale=256))


def edges(photo: Array, *, low: int = 80, high: int = 160, smallest: int = 5) -> Array:
    """Canny's edges, one pixel wide, black on white, without pieces of fewer than `smallest` pixels.

    The original takes the edges of a network (HED), thinned and cleaned in the same way.
    """
    smooth = cv2.GaussianBlur(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), (5, 5), 0)
    lines = cv2.Canny(smooth, low, high, L2gradient=True)
    _, pieces, stats, _ = cv2.connectedComponentsWithStats(lines, connectivity=8)
    is_large = stats[:, cv2.CC_STAT_AREA] >= smallest
    is_large[0] = False  # the background
    return _three(np.where(is_large[pieces], 0, 255).astype(np.uint8))


def inpaint(photo: Array) -> Array:
    """The photo with its centre, half as high and half as wide, in white."""
    height, width = photo.shape[:2]
    blanked = photo.copy()
    blanked[height // 4 : height // 4 + height // 2, width // 4 : width // 4 + width // 2] = 255
    return blanked


def _three(plane: Array) -> Array:
    return np.repeat(plane[..., None], 3, axis=-1)
