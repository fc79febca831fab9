"""Where a slide holds something, seen on a small picture of it."""

import math
from typing import Any, NamedTuple

import numpy as np

from imtrans.kit.images import Array

SIDE = 1024  # pixels along the longer side of the small picture, at most


class Tissue(NamedTuple):
    """Which pixels of a small picture are no background, bool (h, w), each for `step` pixels of the slide."""

    mask: Array
    step: int

    def places(self, size: tuple[int, int], whole: tuple[int, int], least: float) -> Array:
        """Rows and columns of the small picture, (N, 2), where windows of `size` begin of which a share of at least
        `least` is no background; where there is none, those where it is greatest."""
        h, w = (max(1, round(n / self.step)) for n in size)
        sums = np.pad(self.mask.cumsum(0, dtype=np.int64).cumsum(1), ((1, 0), (1, 0)))
        rows, columns = (np.arange((n - wanted) // self.step + 1) for n, wanted in zip(whole, size, strict=True))
        low, right = (np.minimum(s + n, m) for s, n, m in zip((rows, columns), (h, w), self.mask.shape, strict=True))
        inside = sums[np.ix_(low, right)] - sums[np.ix_(rows, right)]
        inside = inside - sums[np.ix_(low, columns)] + sums[np.ix_(rows, columns)]
        share = inside / np.outer(low - rows, right - columns)
        places: Array = np.argwhere(share >= min(least, float(share.max())))
        return places


def tissue_of(raster: Any, small: Any, *, rule: str, margin: float, limits: tuple[float, float]) -> Tissue:
    """Where a slide is no background: by `rule` "white", whose channels all lie within a share of `margin` of the range
    below its high end, or "black", above its low end; "none": everywhere. What has no value is background.

    `small` is a level of the slide `raster`, and may be that itself; it is read strip by strip.
    """
    times = max(1, round(raster.size[0] / small.size[0]))
    step = max(1, math.ceil(max(small.size) / SIDE))
    parts = [
        _strip(small, range(top, min(top + step * 32, small.size[0])), step, rule=rule, margin=margin, limits=limits)
        for top in range(0, small.size[0], step * 32)
    ]
    return Tissue(np.concatenate(parts), step * times)


def _strip(small: Any, rows: range, step: int, *, rule: str, margin: float, limits: tuple[float, float]) -> Array:
    columns = range(small.size[1])
    values, valid = small.read(rows, columns).astype(np.float32), small.valid(rows, columns)
    low, high = limits
    # Means first: single bright pixels of noise are no tissue.
    means = _means(np.nan_to_num(values), step)
    if rule == "white":
        mask = means.min(-1) < high - margin * (high - low)
    elif rule == "black":
        mask = means.max(-1) > low + margin * (high - low)
    else:
        mask = np.ones(means.shape[:2], bool)
    if valid is not None:
        mask = mask & (_means(valid[..., None].astype(np.float32), step)[..., 0] > 0.5)
    whole: Array = mask
    return whole


def _means(values: Array, step: int) -> Array:
    """Means of squares of `step` pixels, (ceil(h / step), ceil(w / step), C)."""
    lacking = [(0, -n % step) for n in values.shape[:2]]
    whole = np.pad(values, (*lacking, (0, 0)), mode="edge")
    shape = (whole.shape[0] // step, step, whole.shape[1] // step, step, values.shape[2])
    means: Array = whole.reshape(shape).mean((1, 3))
    return means
