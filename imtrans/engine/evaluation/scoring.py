"""How good a model is on a split, beside what the mean training picture would score."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from imtrans.engine.build import Model
from imtrans.engine.data.loader import Samples, prepare
from imtrans.engine.data.pair_loader import PairLoader
from imtrans.engine.data.sampler import SampleIndex
from imtrans.engine.distributed import ProcessGroup
from imtrans.engine.inference.translator import inference_mode, translate
from imtrans.interfaces import Batch, Metric, Sample
from imtrans.kit.images import target_to_display, to_display

MOST_FOR_MEAN = 256
MOST_WORST = 8
Tick = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Metrics over a split: of the model, and of the mean training picture in its place.

    `worst` are the indices of the worst pictures by the first metric that gives one number a picture, worst first.
    """

    metrics: Mapping[str, float]
    baseline: Mapping[str, float] = field(default_factory=dict)
    count: int = 0
    worst: Sequence[int] = ()


def batches(model: Model, loading: PairLoader, indices: Sequence[int]) -> Iterator[Batch]:
    """One picture at a time, as the paper evaluates: with batch statistics neighbours would change the result."""
    samples = Samples(loading)
    for index in indices:
        stored = samples.received(samples.collate([samples[SampleIndex(0, index)]]))
        yield prepare(stored, model.data_spec, model.device)


def scores(
    model: Model,
    metrics: Mapping[str, Metric],
    loading: PairLoader,
    *,
    mean: Tensor | None = None,
    tick: Tick | None = None,
    world: ProcessGroup | None = None,
) -> Scores:
    """Every metric over all pictures of `loading`; of `mean` (C, *spatial), too, where it is given.

    Each process of `world` measures its share, and all get the whole.
    """
    world = world or ProcessGroup()
    count = len(loading.source.dataset)
    own: dict[str, list[Tensor]] = {name: [] for name in metrics}
    plain: dict[str, list[Tensor]] = {name: [] for name in metrics}
    mine = range(world.rank, count, world.size)
    for done, batch in enumerate(batches(model, loading, mine), 1):
        prediction = predict(model, batch)
        for name, metric in metrics.items():
            own[name].append(metric.compute(prediction, batch).cpu())
            if mean is not None and mean.shape == batch.target.shape[1:]:
                plain[name].append(metric.compute(mean.expand_as(batch.target), batch).cpu())
        if tick:
            tick(min(done * world.size, count), count)
    own, plain = _whole(own, world), _whole(plain, world)
    worst = _worst(own, model)
    return Scores(metrics=_summary(metrics, own), baseline=_summary(metrics, plain), count=count, worst=worst)


def predict(model: Model, batch: Batch) -> Tensor:
    """The translation of a batch, with noise that depends on the picture's own draw alone."""
    seed = int(batch.draws[0])
    with inference_mode(model, seed=seed):
        return translate(model, batch.source, seed=seed)


def samples(
    model: Model,
    loading: PairLoader,
    count: int,
    *,
    metrics: Mapping[str, Metric] | None = None,
    worst: Sequence[int] = (),
) -> list[Sample]:
    """The same few pictures each time, spread evenly over the split, and then the worst, marked as such."""
    total = len(loading.source.dataset)
    sets = {c.name for c in model.config.metrics if getattr(c.component.info, "of_set", False)}
    measured = {name: metric for name, metric in (metrics or {}).items() if name not in sets}
    chosen = sorted({i * total // count for i in range(count)}) if total else []
    usual = [_sample(model, batch, measured) for batch in batches(model, loading, chosen)]
    found = [_sample(model, batch, measured) for batch in batches(model, loading, worst)]
    return usual + [replace(sample, is_worst=True) for sample in found]


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


def _sample(model: Model, batch: Batch, metrics: Mapping[str, Metric]) -> Sample:
    prediction, data_spec = predict(model, batch), model.data_spec
    return Sample(
        key=batch.keys[0],
        source=to_display(batch.source[0], data_spec.source),
        prediction=target_to_display(prediction[0], batch.source[0], data_spec),
        target=target_to_display(batch.target[0], batch.source[0], data_spec),
        scores=_picture_scores(metrics, prediction, batch),
    )


def _picture_scores(metrics: Mapping[str, Metric], prediction: Tensor, batch: Batch) -> dict[str, float]:
    """What the metrics that give one number a picture say of this one."""
    rows = {name: metric.compute(prediction, batch) for name, metric in metrics.items()}
    return _summary(metrics, {name: [row] if row.dim() == 1 else [] for name, row in rows.items()})


def _worst(rows: Mapping[str, list[Tensor]], model: Model) -> list[int]:
    name = next((name for name, each in rows.items() if each and each[0].dim() == 1), None)
    if name is None:
        return []
    infos = {c.name: c.component.info for c in model.config.metrics}
    is_higher = bool(getattr(infos.get(name), "higher_is_better", False))
    nothing = -torch.inf if is_higher else torch.inf
    order = torch.cat(rows[name]).nan_to_num(nothing).argsort(descending=not is_higher, stable=True)
    return [int(i) for i in order[:MOST_WORST]]


def _whole(rows: dict[str, list[Tensor]], world: ProcessGroup) -> dict[str, list[Tensor]]:
    """Everybody's rows in the order of the pictures, which the processes took in turn."""
    if world.size == 1:
        return rows
    told = world.gather(rows)
    longest = {name: max(len(each[name]) for each in told) for name in rows}
    return {n: [each[n][i] for i in range(longest[n]) for each in told if i < len(each[n])] for n in rows}


def _summary(metrics: Mapping[str, Metric], rows: Mapping[str, list[Tensor]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, metric in metrics.items():
        if rows[name]:
            found |= metric.aggregate(torch.cat(rows[name]))
    return found
