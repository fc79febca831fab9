"""How good a model is on a split, beside what the mean training picture would score."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from imtrans.engine.build import Model
from imtrans.engine.data import Loading, Samples, prepare
from imtrans.engine.order import Place
from imtrans.engine.ranks import World
from imtrans.engine.translate import inferring, translate
from imtrans.errors import ImtransError
from imtrans.interfaces import Batch, Metric, Sample
from imtrans.kit.images import pictured, shown

MOST_FOR_MEAN = 256
Tick = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Metrics over a split: of the model, and of the mean training picture in its place."""

    metrics: Mapping[str, float]
    baseline: Mapping[str, float] = field(default_factory=dict)
    count: int = 0


def batches(model: Model, loading: Loading, indices: Sequence[int]) -> Iterator[Batch]:
    """One picture at a time, as the paper evaluates: with batch statistics neighbours would change the result."""
    samples = Samples(loading)
    for index in indices:
        stored = samples.collate([samples[Place(0, index)]])
        if isinstance(stored, ImtransError):
            raise stored
        yield prepare(stored, model.signals, model.device)


def scores(
    model: Model,
    metrics: Mapping[str, Metric],
    loading: Loading,
    *,
    mean: Tensor | None = None,
    tick: Tick | None = None,
    world: World | None = None,
) -> Scores:
    """Every metric over all pictures of `loading`; of `mean` (C, *spatial), too, where it is given.

    Each process of `world` measures its share, and all get the whole.
    """
    world = world or World()
    count = len(loading.source.dataset)
    own: dict[str, list[Tensor]] = {name: [] for name in metrics}
    plain: dict[str, list[Tensor]] = {name: [] for name in metrics}
    mine = range(world.rank, count, world.size)
    for done, batch in enumerate(batches(model, loading, mine), 1):
        prediction = predict(model, batch)
        for name, metric in metrics.items():
            own[name].append(metric.measure(prediction, batch).cpu())
            if mean is not None and mean.shape == batch.target.shape[1:]:
                plain[name].append(metric.measure(mean.expand_as(batch.target), batch).cpu())
        if tick:
            tick(min(done * world.size, count), count)
    own, plain = _whole(own, world), _whole(plain, world)
    return Scores(metrics=_summary(metrics, own), baseline=_summary(metrics, plain), count=count)


def predict(model: Model, batch: Batch) -> Tensor:
    """The translation of a batch, with noise that depends on the picture's own draw alone."""
    seed = int(batch.draws[0])
    with inferring(model, seed=seed):
        return translate(model, batch.source, seed=seed)


def samples(model: Model, loading: Loading, count: int) -> list[Sample]:
    """The same few pictures each time, spread evenly over the split."""
    total = len(loading.source.dataset)
    chosen = sorted({i * total // count for i in range(count)}) if total else []
    return [_sample(model, batch) for batch in batches(model, loading, chosen)]


def mean_picture(model: Model, loading: Loading) -> Tensor | None:
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


def _sample(model: Model, batch: Batch) -> Sample:
    prediction, signals = predict(model, batch), model.signals
    return Sample(
        key=batch.keys[0],
        source=shown(batch.source[0], signals.source),
        prediction=pictured(prediction[0], batch.source[0], signals),
        target=pictured(batch.target[0], batch.source[0], signals),
    )


def _whole(rows: dict[str, list[Tensor]], world: World) -> dict[str, list[Tensor]]:
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
            found |= metric.summarise(torch.cat(rows[name]))
    return found
