"""The logged metrics of a run: a column of numbers for each split and name."""

import bisect
import json
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

METRICS = "metrics.jsonl"  # in the folder of a run
HEALTH = "health."  # prefix of the numbers about the training itself, such as gradient norms
BASELINE = "_of_mean_image"  # suffix of the scores of the mean training image
ON_TRAINING = "_on_training"  # suffix of the scores of some training pictures
REFERENCES = (BASELINE, ON_TRAINING)
_NOT_VALUES = ("step", "time", "split", "epoch")


@dataclass
class Column:
    """One number over a run: rising steps, and the values at them (NaN: not measured)."""

    steps: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, step: int, value: float) -> None:
        """Add the value of a step."""
        self.steps.append(step)
        self.values.append(value)

    def cut(self, step: int) -> None:
        """Delete the values after a step."""
        end = bisect.bisect_right(self.steps, step)
        del self.steps[end:], self.values[end:]

    def finite(self) -> list[tuple[int, float]]:
        """Steps and values, without NaN and infinity."""
        return [(s, v) for s, v in zip(self.steps, self.values, strict=True) if math.isfinite(v)]

    def tail(self, share: float) -> list[float]:
        """The finite values of the last `share` (0 to 1) of the steps."""
        if not self.steps:
            return []
        begin = self.steps[-1] - share * (self.steps[-1] - self.steps[0])
        return [v for v in self.values[bisect.bisect_left(self.steps, begin) :] if math.isfinite(v)]


@dataclass
class History:
    """The columns of a run.

    Values added at an earlier step than the last replace everything after that step: the run was rolled back to a
    checkpoint, or a line was written twice.
    """

    columns: dict[tuple[str, str], Column] = field(default_factory=dict)
    times: dict[int, float] = field(default_factory=dict)
    step: int = 0

    def add(self, split: str, step: int, values: Mapping[str, float], *, time: float | None = None) -> None:
        """Add the numbers of one step."""
        if step < self.step:
            self.cut(step)
        for name, value in values.items():
            column = self.columns.setdefault((split, name), Column())
            column.cut(step - 1)  # a line written twice
            column.add(step, value)
        if time is not None:
            self.times[step] = time
        self.step = step

    def cut(self, step: int) -> None:
        """Delete everything after a step."""
        for column in self.columns.values():
            column.cut(step)
        self.columns = {key: c for key, c in self.columns.items() if c.steps}
        self.times = {s: t for s, t in self.times.items() if s <= step}
        self.step = min(self.step, step)

    def column(self, name: str, split: str = "train") -> Column:
        """The column of that name; an empty one if it was never logged."""
        return self.columns.get((split, name)) or Column()

    def names(self, split: str) -> list[str]:
        """The names of all values of a split."""
        return [name for at, name in self.columns if at == split]

    def losses(self) -> list[str]:
        """The names of the training losses."""
        return [n for n in self.names("train") if not n.startswith(HEALTH)]

    def last(self, split: str) -> dict[str, float]:
        """The last value of every column of a split."""
        return {name: c.values[-1] for (at, name), c in self.columns.items() if at == split}

    def seconds(self, resumed: Sequence[int] = ()) -> float:
        """The training time between the first and the last line, in seconds.

        `resumed`: the steps at which the run was resumed; the pause before the next line counts as the median gap.
        """
        gaps = {(a, b): self.times[b] - self.times[a] for a, b in pairwise(sorted(self.times))}
        if not gaps:
            return 0.0
        median = sorted(gaps.values())[len(gaps) // 2]
        # max: the clock may have been set back.
        return sum(median if any(a <= r < b for r in resumed) else max(gap, 0.0) for (a, b), gap in gaps.items())


def read(folder: Path) -> History:
    """The history of the run in a folder; empty without metrics.jsonl. Lines that cannot be parsed are skipped."""
    history = History()
    try:
        with (folder / METRICS).open(encoding="utf-8", errors="replace") as file:
            for line in map(_parsed, file):
                if line is not None:
                    history.add(line["split"], line["step"], dict(_numbers(line)), time=line.get("time"))
    except OSError:
        return history
    return history


def thinned(points: Sequence[tuple[float, float]], most: int) -> list[tuple[float, float]]:
    """At most `most` points: means of equally long parts, each at the last step of its part."""
    if len(points) <= most:
        return list(points)
    bounds = [i * len(points) // most for i in range(most + 1)]
    parts = [points[a:b] for a, b in pairwise(bounds)]
    return [(part[-1][0], math.fsum(v for _, v in part) / len(part)) for part in parts]


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
        is_row = isinstance(row, dict) and isinstance(row["step"], int) and isinstance(row["split"], str)
        return row if is_row else None
    except (ValueError, KeyError, RecursionError):
        return None


def _numbers(line: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in line.items():
        if name not in _NOT_VALUES and (value is None or isinstance(value, int | float) or value in ("inf", "-inf")):
            # Of files of earlier releases: the suffix has another name since.
            yield name.replace("_of_mean_picture", BASELINE), math.nan if value is None else float(value)
