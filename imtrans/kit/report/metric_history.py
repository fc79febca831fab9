"""What a run has logged so far: columns of numbers by split and name, for curves and for judging it."""

import bisect
import json
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

METRICS = "metrics.jsonl"
HEALTH = "health."
BESIDE = "_of_mean_picture"
_NOT_VALUES = ("step", "time", "split", "epoch")


@dataclass
class Column:
    """One number over a run: steps, rising, and the values at them (NaN: not finite)."""

    steps: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, step: int, value: float) -> None:
        """Add the value of a step."""
        self.steps.append(step)
        self.values.append(value)

    def cut(self, step: int) -> None:
        """Forget what lies after a step."""
        place = bisect.bisect_right(self.steps, step)
        del self.steps[place:], self.values[place:]

    def finite(self) -> list[tuple[int, float]]:
        """Steps and values, without NaN and infinity."""
        return [(s, v) for s, v in zip(self.steps, self.values, strict=True) if math.isfinite(v)]

    def tail(self, share: float) -> list[float]:
        """The finite values of the last part of the steps."""
        if not self.steps:
            return []
        begin = self.steps[-1] - share * (self.steps[-1] - self.steps[0])
        return [v for v in self.values[bisect.bisect_left(self.steps, begin) :] if math.isfinite(v)]


@dataclass
class History:
    """The columns of a run. Whatever is added at an earlier step than the last takes the place of all that came after:
    so do a run that went back to a checkpoint, and a line written twice."""

    columns: dict[tuple[str, str], Column] = field(default_factory=dict)
    times: dict[int, float] = field(default_factory=dict)
    step: int = 0

    def add(self, split: str, step: int, values: Mapping[str, float], *, time: float | None = None) -> None:
        """Take the numbers of one step."""
        if step < self.step:
            self.cut(step)
        for name, value in values.items():
            column = self.columns.setdefault((split, name), Column())
            column.cut(step - 1)
            column.add(step, value)
        if time is not None:
            self.times[step] = time
        self.step = step

    def cut(self, step: int) -> None:
        """Forget everything after a step."""
        for column in self.columns.values():
            column.cut(step)
        self.columns = {key: c for key, c in self.columns.items() if c.steps}
        self.times = {s: t for s, t in self.times.items() if s <= step}
        self.step = min(self.step, step)

    def column(self, name: str, split: str = "train") -> Column:
        """The column of that name; an empty one if nothing was logged under it."""
        return self.columns.get((split, name)) or Column()

    def names(self, split: str) -> list[str]:
        """The names of all values of a split."""
        return [name for at, name in self.columns if at == split]

    def losses(self) -> list[str]:
        """The names of the training losses."""
        return [n for n in self.names("train") if not n.startswith(HEALTH)]

    def last(self, split: str) -> dict[str, float]:
        """The newest value of every column of a split."""
        return {name: c.values[-1] for (at, name), c in self.columns.items() if at == split}

    def seconds(self, resumed: Sequence[int] = ()) -> float:
        """The time that was spent between the first and the last line.

        `resumed`: the steps at which a run went on; the pause before its next line counts as one usual gap.
        """
        gaps = {(a, b): self.times[b] - self.times[a] for a, b in pairwise(sorted(self.times))}
        if not gaps:
            return 0.0
        usual = sorted(gaps.values())[len(gaps) // 2]
        return sum(usual if any(a <= r < b for r in resumed) else max(gap, 0.0) for (a, b), gap in gaps.items())


def read(folder: Path) -> History:
    """The history of the run in a folder; empty without metrics.jsonl. Lines that cannot be read are passed over."""
    history = History()
    try:
        with (folder / METRICS).open(encoding="utf-8", errors="replace") as file:
            for line in map(_parsed, file):
                if line is not None:
                    history.add(line["split"], line["step"], dict(_numbers(line)), time=line.get("time"))
    except OSError:
        return history
    return history


def thinned(points: Sequence[tuple[int, float]], most: int) -> list[tuple[int, float]]:
    """At most `most` points: means of equal stretches, each at its last step."""
    if len(points) <= most:
        return list(points)
    bounds = [i * len(points) // most for i in range(most + 1)]
    parts = [points[a:b] for a, b in pairwise(bounds)]
    return [(part[-1][0], math.fsum(v for _, v in part) / len(part)) for part in parts]


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        told = json.loads(line)
        is_one = isinstance(told, dict) and isinstance(told["step"], int) and isinstance(told["split"], str)
        return told if is_one else None
    except (ValueError, KeyError, RecursionError):
        return None


def _numbers(line: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in line.items():
        if name not in _NOT_VALUES and (value is None or isinstance(value, int | float)):
            yield name, math.nan if value is None else float(value)
