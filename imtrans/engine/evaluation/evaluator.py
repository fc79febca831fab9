"""What a protocol says of translations: numbers with their intervals, of each picture alone, and what they mean."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from imtrans.engine.evaluation.bootstrap import Interval, bootstrap
from imtrans.engine.evaluation.eval_samples import EvalSample, EvalSamples
from imtrans.engine.evaluation.protocol import BoundMetric, BoundMetrics, choices, fingerprint
from imtrans.interfaces import Batch
from imtrans.plugins.recipe import EvalProtocol

Tick = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Number:
    """One number of a protocol, beside the same of what no translation can beat and of the mean training picture."""

    value: float
    interval: Interval | None = None
    ceiling: float | None = None
    baseline: float | None = None
    higher_is_better: bool = False


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """All that an evaluation found.

    `pictures` has a column for each number that a picture has alone; `worst` are their places, by the first column,
    the worst first.
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
        return fingerprint(self.choices)


def evaluate(
    protocol: EvalProtocol,
    measures: BoundMetrics,
    cases: EvalSamples,
    *,
    conditions: Mapping[str, Any],
    mean: Tensor | None = None,
    tick: Tick | None = None,
    look: Callable[[int, EvalSample], None] | None = None,
) -> Evaluation:
    """Every number over all pictures. `mean` (1, C, *spatial) is what the baseline scores; `look` sees each case."""
    rows = {m.name: _Rows() for m in measures.made}
    keys, sizes = [], set()
    for index, case in enumerate(cases.each()):
        keys.append(case.batch.keys[0])
        sizes.add(case.made_at)
        for measure in measures.made:
            rows[measure.name].take(measure, case, protocol=protocol, mean=mean)
        if look:
            look(index, case)
        if tick:
            tick(index + 1, cases.count)
    made_at = list(next(iter(sizes))) if len(sizes) == 1 else "each its own"
    told = choices(protocol, measures.made, made_at=made_at, count=len(keys), conditions=conditions)
    columns = {m.name: rows[m.name].columns(m) for m in measures.made}
    numbers = {m.name: rows[m.name].numbers(m) for m in measures.made}
    silent = [
        f"{name} has no number for these pictures (docs/metrics.md)" for name, each in numbers.items() if not each
    ]
    return Evaluation(
        protocol=protocol,
        choices=told,
        numbers={name: number for each in numbers.values() for name, number in each.items()},
        keys=keys,
        pictures={name: column for each in columns.values() for name, column in each.items()},
        worst=_worst_first(measures, columns, len(keys)),
        notes=[*_notes(protocol, measures, len(keys)), *silent],
    )


class _Rows:
    """What one metric measured: of the translations, of the targets in their place, and of the mean picture."""

    def __init__(self) -> None:
        self.own: list[Tensor] = []
        self.perfect: list[Tensor] = []
        self.plain: list[Tensor] = []

    def take(self, measure: BoundMetric, case: EvalSample, *, protocol: EvalProtocol, mean: Tensor | None) -> None:
        self.own.append(_row(measure, case.prediction, case.batch))
        if protocol.has_ceiling:
            self.perfect.append(_row(measure, case.perfect, case.batch))
        if mean is not None and mean.shape == case.prediction.shape and not measure.info.is_set_level:
            self.plain.append(_row(measure, mean, case.batch))

    def numbers(self, measure: BoundMetric) -> dict[str, Number]:
        if not self.own:
            return {}
        rows, summarise = torch.cat(self.own), measure.metric.aggregate
        intervals = {} if measure.info.is_set_level else bootstrap(rows, summarise)
        best, plain = (dict(summarise(torch.cat(r))) if len(r) == len(rows) else {} for r in (self.perfect, self.plain))
        return {
            name: Number(
                value=value,
                interval=intervals.get(name),
                ceiling=best.get(name),
                baseline=plain.get(name),
                higher_is_better=measure.info.points_up(name),
            )
            for name, value in summarise(rows).items()
        }

    def columns(self, measure: BoundMetric) -> dict[str, list[float]]:
        """A number for each picture; NaN where a picture has none."""
        if measure.info.is_set_level:
            return {}
        alone = [measure.metric.aggregate(row) for row in self.own]
        names = dict.fromkeys(name for each in alone for name in each)
        return {name: [float(each.get(name, math.nan)) for each in alone] for name in names}


def _worst_first(measures: BoundMetrics, columns: Mapping[str, Mapping[str, list[float]]], count: int) -> list[int]:
    first = next((m for m in measures.made if columns[m.name]), None)
    if first is None:
        return list(range(count))
    name, values = next(iter(columns[first.name].items()))
    sign = 1 if first.info.points_up(name) else -1
    return sorted(range(count), key=lambda i: -math.inf if math.isnan(values[i]) else sign * values[i])


def _row(measure: BoundMetric, prediction: Tensor, batch: Batch) -> Tensor:
    with torch.no_grad():
        return measure.metric.compute(prediction, batch).cpu()


def _notes(protocol: EvalProtocol, measures: BoundMetrics, count: int) -> list[str]:
    few = f"only {count} pictures, and {protocol.min_samples:,} are wanted: these numbers shift with their count"
    left_out = [f"{name} is left out: {why}" for name, why in measures.left_out.items()]
    return [*([few] if count < protocol.min_samples else []), *left_out]
