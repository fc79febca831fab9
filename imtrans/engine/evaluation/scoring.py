"""The scores of a model while it trains: the numbers of the protocol "own", beside those of the mean training image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from imtrans.engine.build import Model
from imtrans.engine.data.pair_loader import PairLoader
from imtrans.engine.distributed import ProcessGroup
from imtrans.engine.evaluation.bound_metrics import BoundMetric
from imtrans.engine.evaluation.eval_samples import EvalSample
from imtrans.engine.evaluation.metric_rows import MetricRows, interleave, worst_first
from imtrans.engine.evaluation.model_samples import batches, samples_of_model
from imtrans.engine.evaluation.protocol import AT_MODEL_SIZE
from imtrans.interfaces import Sample, Tick
from imtrans.kit.selection import spread

SIDES = ("source", "prediction", "target")
MAX_FOR_MEAN = 256
MAX_WORST = 8
MAX_KNOWN = 32  # training pictures that are compared with those of validation


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Metrics over a split: of the model, and of the mean training image in its place.

    `worst` are the indices of the worst samples by the first metric that gives one number a sample, worst first.
    """

    metrics: Mapping[str, float]
    baseline: Mapping[str, float] = field(default_factory=dict)
    count: int = 0
    worst: Sequence[int] = ()


def scores(
    model: Model,
    metrics: Sequence[BoundMetric],
    loading: PairLoader,
    *,
    mean: Tensor | None = None,
    tick: Tick | None = None,
    world: ProcessGroup | None = None,
    indices: Sequence[int] | None = None,
) -> Scores:
    """Every metric over all samples of `loading`, or those of `indices`; of `mean` (C, *spatial), too, if it is given.

    A metric of a whole set has no baseline, as in protocols. Each process of `world` computes its share, and all get
    the numbers of the whole.
    """
    world = world or ProcessGroup()
    chosen = range(len(loading.source.dataset)) if indices is None else indices
    baseline = None if mean is None else mean[None]
    count, share = len(chosen), chosen[world.rank :: world.size]
    rows = {m.label: MetricRows() for m in metrics}
    predicted = samples_of_model(model, loading, AT_MODEL_SIZE, indices=share)
    for done, sample in enumerate(predicted.each(), 1):
        for m in metrics:
            rows[m.label].add(m.metric, sample, mean=None if m.info.is_set_level else baseline)
        if tick:
            # The other processes are about as far as this one.
            tick(min(done * world.size, count), count)
    rows = interleave(world.gather(rows))
    return Scores(
        metrics={k: v for m in metrics for k, v in m.logged(rows[m.label].numbers(m.metric)).items()},
        baseline={k: v for m in metrics for k, v in m.logged(rows[m.label].baseline_numbers(m.metric)).items()},
        count=count,
        worst=_worst(metrics, rows),
    )


def scores_on_some(
    model: Model,
    metrics: Sequence[BoundMetric],
    loading: PairLoader,
    *,
    most: int = MAX_KNOWN,
    world: ProcessGroup | None = None,
) -> Scores:
    """The metrics of single pictures over a few samples, `most` and at most 32, spread evenly over the split."""
    single = [m for m in metrics if not m.info.is_set_level]
    chosen = spread(len(loading.source.dataset), min(most, MAX_KNOWN))
    return scores(model, single, loading, indices=chosen, world=world) if single else Scores(metrics={})


def samples(
    model: Model,
    loading: PairLoader,
    count: int,
    *,
    metrics: Sequence[BoundMetric] = (),
    worst: Sequence[int] = (),
) -> list[Sample]:
    """The same few pictures each time, spread evenly over the split, and then the worst, marked as such."""
    per_sample = [m for m in metrics if not m.info.is_set_level]
    fixed = spread(len(loading.source.dataset), count)
    shown = samples_of_model(model, loading, AT_MODEL_SIZE, indices=[*fixed, *worst])
    return [_sample(s, per_sample, is_worst=place >= len(fixed)) for place, s in enumerate(shown.each())]


def mean_target(model: Model, loading: PairLoader) -> Tensor | None:
    """The mean of (at most 256) training targets, (C, *spatial); None where their sizes differ."""
    chosen = spread(len(loading.source.dataset), MAX_FOR_MEAN)
    summed: Tensor | None = None
    for batch in batches(model, loading, chosen):
        if summed is not None and summed.shape != batch.target.shape[1:]:
            return None
        summed = batch.target[0] if summed is None else summed + batch.target[0]
    return None if summed is None else summed / len(chosen)


def _sample(sample: EvalSample, metrics: Sequence[BoundMetric], *, is_worst: bool) -> Sample:
    numbers: dict[str, float] = {}
    for m in metrics:
        rows = MetricRows()
        rows.add(m.metric, sample)
        # A row of several values is not a number of this sample: it has a meaning only with the rows of the others.
        numbers |= m.logged(rows.numbers(m.metric)) if rows.prediction[0].dim() == 1 else {}
    pictures = sample.pictures()
    return Sample(
        key=sample.batch.keys[0],
        source=pictures["source"],
        prediction=pictures["prediction"],
        target=pictures["target"],
        scores=numbers,
        is_worst=is_worst,
        others={name: picture for name, picture in pictures.items() if name not in SIDES},
    )


def _worst(metrics: Sequence[BoundMetric], rows: Mapping[str, MetricRows]) -> list[int]:
    per_sample = [
        m for m in metrics if not m.info.is_set_level and (each := rows[m.label].prediction) and each[0].dim() == 1
    ]
    if not per_sample:
        return []
    values = torch.cat(rows[per_sample[0].label].prediction).tolist()
    return worst_first(values, higher_is_better=per_sample[0].info.higher_is_better)[:MAX_WORST]
