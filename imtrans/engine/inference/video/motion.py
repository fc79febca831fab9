"""How a film moves from one frame to the next, and what follows from that for its translation."""

from functools import cached_property

import cv2
import numpy as np

from imtrans.kit.images import Array

SMALLEST = 16  # pixels of a side; OpenCV refuses smaller pictures
# Sundaram, Brox, Keutzer 2010, equation 5: how far flow there and back may miss, relative and in square pixels.
RELATIVE, ABSOLUTE = 0.01, 0.5
NOISE = 24.0  # levels of 255 by which a point of the source may change between frames, and still be the same point
CUT = 0.4  # share of the points that come from the frame before, below which that is another scene


class Motion:
    """The motion between two neighbouring frames of a source, both uint8 (H, W, 3)."""

    def __init__(self, before: Array, after: Array) -> None:
        self._before, self._after = before, after

    def carried(self, picture: Array) -> Array:
        """A picture of the frame before, moved to where its points are in the frame after: float32 (H, W, 3)."""
        picture = picture.astype(np.float32)
        if self._backward is None:
            return picture
        return np.clip(_sampled(picture, self._origin, cv2.INTER_CUBIC), 0, 255)

    @cached_property
    def source(self) -> Array:
        """The source's frame before, `carried`."""
        return self.carried(self._before)

    @cached_property
    def trust(self) -> Array:
        """How surely each point is one of the frame before: float32 (H, W, 1) from 0 (new) to 1.

        0 where the flows there and back do not meet, and where it comes from outside; else 1 - |change| / 24 levels,
        at least 0. All 0 at a cut.
        """
        # By channels: numpy's sums over an axis of three are ten times slower.
        red, green, blue = cv2.split(np.abs(self.source - self._after))
        trust: Array = (np.maximum(1 - (red + green + blue) / (3 * NOISE), 0) * self._is_met)[..., None]
        return trust if (trust > 0).mean() >= CUT else np.zeros_like(trust)

    @cached_property
    def _backward(self) -> Array | None:
        """Where each point was, relative to where it is, in pixels (x, y); None: all are where they were."""
        if min(self._after.shape[:2]) < SMALLEST or np.array_equal(self._before, self._after):
            return None
        return _flow(self._after, self._before)

    @cached_property
    def _origin(self) -> tuple[Array, Array]:
        """Where each point was, in pixels: x and y."""
        height, width = self._after.shape[:2]
        x, y = cv2.split(self._backward if self._backward is not None else np.zeros((height, width, 2), np.float32))
        return x + np.arange(width, dtype=np.float32), y + np.arange(height, dtype=np.float32)[:, None]

    @cached_property
    def _is_met(self) -> Array:
        if self._backward is None:
            return np.ones(self._after.shape[:2], bool)
        forward = _sampled(_flow(self._before, self._after), self._origin, cv2.INTER_LINEAR)
        most = RELATIVE * (_square(self._backward) + _square(forward)) + ABSOLUTE
        (x, y), (height, width) = self._origin, self._after.shape[:2]
        is_inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
        is_met: Array = (_square(self._backward + forward) <= most) & is_inside
        return is_met


def _sampled(picture: Array, origin: tuple[Array, Array], interpolation: int) -> Array:
    return np.asarray(cv2.remap(picture, *origin, interpolation, borderMode=cv2.BORDER_REPLICATE))


def _flow(start: Array, end: Array) -> Array:
    greys = [cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY) for picture in (start, end)]
    blank = np.zeros((*start.shape[:2], 2), np.float32)
    return np.asarray(cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(greys[0], greys[1], blank))


def _square(flow: Array) -> Array:
    x, y = cv2.split(flow)
    return np.asarray(x * x + y * y)
