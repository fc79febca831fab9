"""The numbers of a protocol over samples, with their intervals, the numbers of each sample, and what they mean."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from imtrans.engine.evaluation.bootstrap import Interval, bootstrap
from imtrans.engine.evaluation.bound_metrics import BoundMetric, BoundMetrics
from imtrans.engine.evaluation.eval_samples import EvalSample, EvalSamples
from imtrans.engine.evaluation.metric_rows import MetricRows, worst_first
from imtrans.engine.evaluation.protocol import choices, fingerprint
from imtrans.errors import DataError
from imtrans.interfaces import Tick
from imtrans.plugins.recipe import EvalProtocol

NO_NUMBER = "Give more pictures, larger ones, or another protocol: imtrans list protocols"


@dataclass(frozen=True, kw_only=True)
class Number:
    """One number of a protocol, beside the same of the targets themselves and of the mean training image."""

    value: float
    interval: Interval | None = None
    upper_bound: float | None = None
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
    """Every number over all samples. DataError if there is none.

    `mean` (1, C, *spatial) is what the baseline scores; `on_sample` is called with each sample and its index.
    """
    rows = {m.label: MetricRows() for m in metrics.metrics}
    keys, sizes, compared = list[str](), set[tuple[int, ...]](), set[tuple[int, ...]]()
    for index, sample in enumerate(samples.each()):
        keys += sample.batch.keys
        sizes.add(sample.predicted_size)
        compared.add(tuple(sample.prediction.shape[2:]))
        for m in metrics.metrics:
            # A set of one image repeated has no spread, so that FID and the like say nothing about it.
            baseline = None if m.info.is_set_level else mean
            rows[m.label].add(m.metric, sample, mean=baseline, has_upper_bound=protocol.has_upper_bound)
        if on_sample:
            on_sample(index, sample)
        if tick:
            tick(index + 1, samples.count)
    columns = {m.label: _columns(m, rows[m.label]) for m in metrics.metrics}
    numbers = {m.label: _numbers(m, rows[m.label]) for m in metrics.metrics}
    missing = _missing(protocol, metrics, numbers, sizes=compared, count=len(keys))
    return Evaluation(
        protocol=protocol,
        choices=choices(protocol, metrics.metrics, predicted_size=_same(sizes), count=len(keys), conditions=conditions),
        numbers={f"{name}{m.suffix}": number for m in metrics.metrics for name, number in numbers[m.label].items()},
        keys=keys,
        pictures={f"{name}{m.suffix}": column for m in metrics.metrics for name, column in columns[m.label].items()},
        worst=_worst(metrics, columns, len(keys)),
        notes=[*samples.notes, *_remarks(metrics, rows), *_notes(protocol, metrics, len(keys)), *missing],
    )


def _same(sizes: set[tuple[int, ...]]) -> list[int] | str:
    return list(next(iter(sizes))) if len(sizes) == 1 else "each its own"


def _numbers(bound: BoundMetric, rows: MetricRows) -> dict[str, Number]:
    values = rows.numbers(bound.metric)
    if not values:
        return {}
    # Drawing samples again shifts a number of a whole set, so that its interval would not hold the number itself.
    is_set_level = bound.info.is_set_level
    intervals = {} if is_set_level else bootstrap(torch.cat(rows.prediction), bound.metric.aggregate)
    upper_bound, baseline = rows.upper_bound_numbers(bound.metric), rows.baseline_numbers(bound.metric)
    return {
        name: Number(
            value=value,
            interval=intervals.get(name),
            upper_bound=upper_bound.get(name),
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
    first = next((m for m in metrics.metrics if columns[m.label]), None)
    if first is None:
        return list(range(count))
    name, values = next(iter(columns[first.label].items()))
    return worst_first(values, higher_is_better=first.info.points_up(name))


def _remarks(metrics: BoundMetrics, rows: Mapping[str, MetricRows]) -> list[str]:
    """What metrics themselves have to say about their numbers."""
    remarks = ((getattr(m.metric, "notes", None), rows[m.label].prediction) for m in metrics.metrics)
    return [note for notes, each in remarks if notes and each for note in notes(torch.cat(each))]


def _missing(
    protocol: EvalProtocol,
    metrics: BoundMetrics,
    numbers: Mapping[str, Any],
    *,
    sizes: set[tuple[int, ...]],
    count: int,
) -> list[str]:
    """A line for each metric without a number. DataError if none has one."""
    missing = [_reason(m, sizes, count) for m in metrics.metrics if not numbers[m.label]]
    if len(missing) == len(metrics.metrics):
        raise DataError(f"protocol {protocol.name} has no number: {'; '.join(missing)}", hint=NO_NUMBER)
    return missing


def _reason(bound: BoundMetric, sizes: set[tuple[int, ...]], count: int) -> str:
    """Why a metric has no number, as far as that is known."""
    smallest, least = getattr(bound.metric, "smallest", 0), min(sizes, key=min, default=())
    if least and min(least) < smallest:
        shown = " x ".join(map(str, least))
        return f"{bound.label} is left out: it needs pictures of {smallest} px and more, and one has {shown}"
    pictures = "a single picture" if count == 1 else f"these {count:,} pictures"
    return f"{bound.label} has no number for {pictures} (docs/metrics.md)"


def _notes(protocol: EvalProtocol, metrics: BoundMetrics, count: int) -> list[str]:
    few = f"only {count} pictures, and {protocol.min_samples:,} are wanted: these numbers shift with their count"
    left_out = [f"{name} is left out: {why}" for name, why in metrics.left_out.items()]
    return [*([few] if count < protocol.min_samples else []), *left_out]
