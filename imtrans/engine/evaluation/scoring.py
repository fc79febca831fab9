"""The scores of a model while it trains: the numbers of the protocol "own", beside those of the mean training image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from imtrans.engine.build import Model
from imtrans.engine.data.pair_loader import PairLoader
from imtrans.engine.distributed import ProcessGroup
from imtrans.engine.evaluation.eval_samples import EvalSample
from imtrans.engine.evaluation.metric_rows import MetricRows, interleave, worst_first
from imtrans.engine.evaluation.model_samples import batches, samples_of_model
from imtrans.engine.evaluation.protocol import run_protocol
from imtrans.interfaces import Metric, Sample, Tick
from imtrans.plugins.component import MetricInfo

MOST_FOR_MEAN = 256
MOST_WORST = 8


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
    metrics: Mapping[str, Metric],
    loading: PairLoader,
    *,
    mean: Tensor | None = None,
    tick: Tick | None = None,
    world: ProcessGroup | None = None,
) -> Scores:
    """Every metric over all samples of `loading`; of `mean` (C, *spatial), too, where it is given.

    A metric of a whole set has no baseline, as in protocols. Each process of `world` computes its share, and all get
    the numbers of the whole.
    """
    world = world or ProcessGroup()
    count, infos = len(loading.source.dataset), _infos(model)
    baseline = None if mean is None else mean[None]
    share = range(world.rank, count, world.size)
    rows = {name: MetricRows() for name in metrics}
    predicted = samples_of_model(model, loading, run_protocol(model.config), indices=share)
    for done, sample in enumerate(predicted.each(), 1):
        for name, metric in metrics.items():
            rows[name].add(metric, sample, mean=None if _is_set_level(infos, name) else baseline)
        if tick:
            # The other processes are about as far as this one.
            tick(min(done * world.size, count), count)
    rows = interleave(world.gather(rows))
    return Scores(
        metrics={k: v for name, metric in metrics.items() for k, v in rows[name].numbers(metric).items()},
        baseline={k: v for name, metric in metrics.items() for k, v in rows[name].baseline_numbers(metric).items()},
        count=count,
        worst=_worst(rows, infos),
    )


def samples(
    model: Model,
    loading: PairLoader,
    count: int,
    *,
    metrics: Mapping[str, Metric] | None = None,
    worst: Sequence[int] = (),
) -> list[Sample]:
    """The same few pictures each time, spread evenly over the split, and then the worst, marked as such."""
    total, infos = len(loading.source.dataset), _infos(model)
    per_sample = {name: metric for name, metric in (metrics or {}).items() if not _is_set_level(infos, name)}
    fixed = sorted({i * total // count for i in range(count)}) if total else []
    shown = samples_of_model(model, loading, run_protocol(model.config), indices=[*fixed, *worst])
    return [_sample(s, per_sample, is_worst=place >= len(fixed)) for place, s in enumerate(shown.each())]


def mean_target(model: Model, loading: PairLoader) -> Tensor | None:
    """The mean of (at most 256) training targets, (C, *spatial); None where their sizes differ."""
    total = len(loading.source.dataset)
    count = min(total, MOST_FOR_MEAN)
    chosen = [i * total // count for i in range(count)]
    summed: Tensor | None = None
    for batch in batches(model, loading, chosen):
        if summed is not None and summed.shape != batch.target.shape[1:]:
            return None
        summed = batch.target[0] if summed is None else summed + batch.target[0]
    return None if summed is None else summed / count


def _sample(sample: EvalSample, metrics: Mapping[str, Metric], *, is_worst: bool) -> Sample:
    numbers: dict[str, float] = {}
    for metric in metrics.values():
        rows = MetricRows()
        rows.add(metric, sample)
        # A row of several values is not a number of this sample: it has a meaning only with the rows of the others.
        numbers |= rows.numbers(metric) if rows.prediction[0].dim() == 1 else {}
    pictures = sample.pictures()
    return Sample(
        key=sample.batch.keys[0],
        source=pictures["source"],
        prediction=pictures["prediction"],
        target=pictures["target"],
        scores=numbers,
        is_worst=is_worst,
    )


def _worst(rows: Mapping[str, MetricRows], infos: Mapping[str, MetricInfo]) -> list[int]:
    per_sample = [n for n, r in rows.items() if r.prediction and r.prediction[0].dim() == 1]
    name = next((n for n in per_sample if not _is_set_level(infos, n)), None)
    if name is None:
        return []
    values = torch.cat(rows[name].prediction).tolist()
    return worst_first(values, higher_is_better=infos.get(name, MetricInfo()).higher_is_better)[:MOST_WORST]


def _infos(model: Model) -> dict[str, MetricInfo]:
    return {c.name: c.component.info or MetricInfo() for c in model.config.metrics}


def _is_set_level(infos: Mapping[str, MetricInfo], name: str) -> bool:
    return name in infos and infos[name].is_set_level
