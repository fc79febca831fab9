"""The rows of metrics, one a sample: the only place that computes them, for the training log and for protocols."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor

from imtrans.engine.evaluation.eval_samples import EvalSample
from imtrans.interfaces import Batch, Metric

Item = TypeVar("Item")


@dataclass(kw_only=True)
class MetricRows:
    """What one metric computed of each sample, (1, *S) on the CPU, in the order of the samples.

    `prediction` are the rows of the predictions, `upper_bound` those of the targets in their place, `baseline` those of
    the mean training image in their place. `repeats` says for each sample whether its source, and its target, are those
    of an earlier one: a metric that compares sets (`aggregate_sets`) counts each picture once.
    """

    prediction: list[Tensor] = field(default_factory=list)
    upper_bound: list[Tensor] = field(default_factory=list)
    baseline: list[Tensor] = field(default_factory=list)
    repeats: list[tuple[bool, bool]] = field(default_factory=list)

    def add(
        self, metric: Metric, sample: EvalSample, *, mean: Tensor | None = None, has_upper_bound: bool = False
    ) -> None:
        """Compute the rows of a sample; `mean`, (1, C, *spatial), counts only where it has the sample's shape."""
        self.prediction.append(_row(metric, sample.prediction, sample.batch))
        self.repeats.append(sample.is_repeat)
        if has_upper_bound:
            self.upper_bound.append(_row(metric, sample.upper_bound, sample.batch))
        if mean is not None and mean.shape == sample.prediction.shape:
            self.baseline.append(_row(metric, mean, sample.batch))

    def numbers(self, metric: Metric) -> dict[str, float]:
        """The metric over all samples; nothing where there are none."""
        return _aggregated(metric, self.prediction, self.repeats)

    def upper_bound_numbers(self, metric: Metric) -> dict[str, float]:
        """The same of the targets; nothing unless every sample has a row."""
        repeats = [(of_target, of_target) for _, of_target in self.repeats]
        return _aggregated(metric, self.upper_bound, repeats) if len(self.upper_bound) == len(self.prediction) else {}

    def baseline_numbers(self, metric: Metric) -> dict[str, float]:
        """The same of the mean training image; nothing unless every sample has a row."""
        # A baseline over some of the samples cannot be compared with a number over all of them.
        return _aggregated(metric, self.baseline, self.repeats) if len(self.baseline) == len(self.prediction) else {}


def interleave(shares: Sequence[Mapping[str, MetricRows]]) -> dict[str, MetricRows]:
    """The rows of all processes by metric, in the order of the samples: process r of n took r, r + n, ..."""
    return {
        name: MetricRows(
            prediction=_alternate([share[name].prediction for share in shares]),
            upper_bound=_alternate([share[name].upper_bound for share in shares]),
            baseline=_alternate([share[name].baseline for share in shares]),
            repeats=_alternate([share[name].repeats for share in shares]),
        )
        for name in shares[0]
    }


def worst_first(values: Sequence[float], *, higher_is_better: bool) -> list[int]:
    """The indices of the samples, the worst value first; those without a value (NaN) before all others."""
    sign = 1 if higher_is_better else -1
    return sorted(range(len(values)), key=lambda i: -math.inf if math.isnan(values[i]) else sign * values[i])


def _row(metric: Metric, prediction: Tensor, batch: Batch) -> Tensor:
    with torch.no_grad():
        # On the CPU: the rows of a large split, such as features for FID, need not fit the GPU.
        return metric.compute(prediction, batch).cpu()


def _aggregated(metric: Metric, rows: Sequence[Tensor], repeats: Sequence[tuple[bool, bool]]) -> dict[str, float]:
    if not rows:
        return {}
    stacked, of_sets = torch.cat([*rows]), getattr(metric, "aggregate_sets", None)
    if of_sets is None or not any(any(each) for each in repeats):
        return dict(metric.aggregate(stacked))
    once = ~torch.tensor(repeats)
    return dict(of_sets(stacked[once[:, 0], 0], stacked[once[:, 1], 1]))


def _alternate(shares: Sequence[Sequence[Item]]) -> list[Item]:
    longest = max(map(len, shares))
    return [share[i] for i in range(longest) for share in shares if i < len(share)]
