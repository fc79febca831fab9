"""The numbers of a protocol over samples, with their intervals, the numbers of each sample, and what they mean."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from imtrans.engine.evaluation.bootstrap import Interval, bootstrap
from imtrans.engine.evaluation.eval_samples import EvalSample, EvalSamples
from imtrans.engine.evaluation.metric_rows import MetricRows, worst_first
from imtrans.engine.evaluation.protocol import BoundMetric, BoundMetrics, choices, fingerprint
from imtrans.interfaces import Tick
from imtrans.plugins.recipe import EvalProtocol


@dataclass(frozen=True, kw_only=True)
class Number:
    """One number of a protocol, beside the same of the targets themselves and of the mean training image."""

    value: float
    interval: Interval | None = None
    ceiling: float | None = None
    baseline: float | None = None
    higher_is_better: bool = False


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The results of an evaluation.

    `pictures` has a column for each number that a sample has alone; `worst` are the indices of the samples, by the
    first column, the worst first.
    """

    protocol: EvalProtocol
    choices: Mapping[str, Any]
    numbers: Mapping[str, Number]
    keys: Sequence[str]
    pictures: Mapping[str, Sequence[float]]
    worst: Sequence[int]
    notes: Sequence[str]

    @property
    def hash(self) -> str:
        """The hash of the choices: numbers with the same hash can be compared."""
        return fingerprint(self.choices)


def evaluate(
    protocol: EvalProtocol,
    metrics: BoundMetrics,
    samples: EvalSamples,
    *,
    conditions: Mapping[str, Any],
    mean: Tensor | None = None,
    tick: Tick | None = None,
    on_sample: Callable[[int, EvalSample], None] | None = None,
) -> Evaluation:
    """Every number over all samples.

    `mean` (1, C, *spatial) is what the baseline scores; `on_sample` is called with each sample and its index.
    """
    rows = {m.name: MetricRows() for m in metrics.made}
    keys, sizes = [], set()
    for index, sample in enumerate(samples.each()):
        keys.append(sample.batch.keys[0])
        sizes.add(sample.made_at)
        for m in metrics.made:
            # A set of one image repeated has no spread, so that FID and the like say nothing about it.
            baseline = None if m.info.is_set_level else mean
            rows[m.name].add(m.metric, sample, mean=baseline, has_ceiling=protocol.has_ceiling)
        if on_sample:
            on_sample(index, sample)
        if tick:
            tick(index + 1, samples.count)
    columns = {m.name: _columns(m, rows[m.name]) for m in metrics.made}
    numbers = {m.name: _numbers(m, rows[m.name]) for m in metrics.made}
    silent = [f"{name} has no number for these pictures (docs/metrics.md)" for name, n in numbers.items() if not n]
    return Evaluation(
        protocol=protocol,
        choices=choices(protocol, metrics.made, made_at=_made_at(sizes), count=len(keys), conditions=conditions),
        numbers={name: number for each in numbers.values() for name, number in each.items()},
        keys=keys,
        pictures={name: column for each in columns.values() for name, column in each.items()},
        worst=_worst(metrics, columns, len(keys)),
        notes=[*_notes(protocol, metrics, len(keys)), *silent],
    )


def _made_at(sizes: set[tuple[int, ...]]) -> list[int] | str:
    return list(next(iter(sizes))) if len(sizes) == 1 else "each its own"


def _numbers(bound: BoundMetric, rows: MetricRows) -> dict[str, Number]:
    values = rows.numbers(bound.metric)
    if not values:
        return {}
    # Drawing samples again shifts a number of a whole set, so that its interval would not hold the number itself.
    is_set_level = bound.info.is_set_level
    intervals = {} if is_set_level else bootstrap(torch.cat(rows.prediction), bound.metric.aggregate)
    ceiling, baseline = rows.ceiling_numbers(bound.metric), rows.baseline_numbers(bound.metric)
    return {
        name: Number(
            value=value,
            interval=intervals.get(name),
            ceiling=ceiling.get(name),
            baseline=baseline.get(name),
            higher_is_better=bound.info.points_up(name),
        )
        for name, value in values.items()
    }


def _columns(bound: BoundMetric, rows: MetricRows) -> dict[str, list[float]]:
    """A number for each sample; NaN where a sample has none."""
    if bound.info.is_set_level:
        return {}
    alone = [bound.metric.aggregate(row) for row in rows.prediction]
    names = dict.fromkeys(name for numbers in alone for name in numbers)
    return {name: [float(numbers.get(name, math.nan)) for numbers in alone] for name in names}


def _worst(metrics: BoundMetrics, columns: Mapping[str, Mapping[str, list[float]]], count: int) -> list[int]:
    first = next((m for m in metrics.made if columns[m.name]), None)
    if first is None:
        return list(range(count))
    name, values = next(iter(columns[first.name].items()))
    return worst_first(values, higher_is_better=first.info.points_up(name))


def _notes(protocol: EvalProtocol, metrics: BoundMetrics, count: int) -> list[str]:
    few = f"only {count} pictures, and {protocol.min_samples:,} are wanted: these numbers shift with their count"
    left_out = [f"{name} is left out: {why}" for name, why in metrics.left_out.items()]
    return [*([few] if count < protocol.min_samples else []), *left_out]
