"""Confidence intervals of numbers: bootstrap over pictures (Efron 1979, percentile method)."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

REPEATS, MIN_REPEATS = 1000, 100
MAX_COPIED = 4e9  # numbers that all repeats together may copy: a few seconds
LEVEL = 0.95


class Interval(NamedTuple):
    """The number lies between these in 95 of 100 draws, with replacement, of as many pictures from the same ones."""

    low: float
    high: float


def bootstrap(
    rows: Tensor, aggregate: Callable[[Tensor], Mapping[str, float]], *, seed: int = 0
) -> dict[str, Interval]:
    """An interval for every number that `aggregate` makes of rows (N, *S).

    None for a single picture, and none for a number that some of the draws do not have.
    """
    count = len(rows)
    if count < 2:
        return {}
    repeats = int(min(REPEATS, max(MIN_REPEATS, MAX_COPIED / max(rows.numel(), 1))))
    generator = torch.Generator().manual_seed(seed)
    numbers: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, value in aggregate(rows[torch.randint(count, (count,), generator=generator)]).items():
            numbers.setdefault(name, []).append(value)
    return {name: _interval(values) for name, values in numbers.items() if len(values) == repeats}


def _interval(values: list[float]) -> Interval:
    # "nearest" and not "linear": between two infinite values (psnr of identical images) linear interpolation gives NaN.
    bounds = torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2], dtype=torch.float64)
    low, high = torch.tensor(values, dtype=torch.float64).quantile(bounds, interpolation="nearest").tolist()
    return Interval(low, high)
