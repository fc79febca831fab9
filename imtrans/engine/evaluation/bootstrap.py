"""How far a number may be trusted: bootstrap intervals over pictures (Efron 1979, percentile method)."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

REPEATS, FEWEST = 1000, 100
ROOM = 4e9  # numbers that all repeats together may copy: a few seconds
LEVEL = 0.95


class Interval(NamedTuple):
    """Between these lies the number in 95 of 100 draws of as many pictures from the same ones."""

    low: float
    high: float


def bootstrap(
    rows: Tensor, summarise: Callable[[Tensor], Mapping[str, float]], *, seed: int = 0
) -> dict[str, Interval]:
    """An interval for every number that `summarise` makes of rows (N, *S); nothing for a single picture."""
    count = len(rows)
    if count < 2:
        return {}
    repeats = int(min(REPEATS, max(FEWEST, ROOM / max(rows.numel(), 1))))
    generator = torch.Generator().manual_seed(seed)
    drawn: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, value in summarise(rows[torch.randint(count, (count,), generator=generator)]).items():
            drawn.setdefault(name, []).append(value)
    return {name: _between(values) for name, values in drawn.items() if len(values) == repeats}


def _between(values: list[float]) -> Interval:
    bounds = torch.tensor([(1 - LEVEL) / 2, (1 + LEVEL) / 2], dtype=torch.float64)
    low, high = torch.tensor(values, dtype=torch.float64).quantile(bounds, interpolation="nearest").tolist()
    return Interval(low, high)
