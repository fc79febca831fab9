"""Checks of metrics."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imtrans.interfaces import Batch, DataSpec, ImageSpec
from imtrans.plugins.component import MetricInfo
from imtrans.testing.contract import batch_of_noise, check, component, make, noise, require

if TYPE_CHECKING:
    from torch import Tensor

LABELS = ImageSpec(kind="labels", channels=1, classes=4)


@check
def check_metric(
    name: str,
    *,
    data_spec: DataSpec | None = None,
    size: int = 32,
    extras: "Mapping[str, Tensor] | None" = None,
    **options: Any,
) -> None:
    """A metric gives a row for each picture, whatever else is in the batch, and numbers for all rows.

    `data_spec` is that of the pictures (default: what it declares to compare), `extras` what it needs beside them, for
    two pictures. Also checked: the names of its numbers, that equal pictures are best (unless it compares something
    else than the target), pictures of one colour, a batch of one, and that it gives the same a second time.
    """
    import torch

    info: MetricInfo = component("metric", name).info
    spec = data_spec or DataSpec(target=LABELS if tuple(info.targets) == ("labels",) else ImageSpec())
    metric = make("metric", name, data_spec=spec, **options)
    batch = _batch(spec, size, extras or {})
    prediction = noise(*batch.target.shape, seed=5)
    before = prediction.clone()
    rows = metric.compute(prediction, batch)
    require(rows.shape[0] == 2, f"{name}: {rows.shape[0]} rows for 2 pictures")
    require(torch.equal(prediction, before), f"{name}: changed the prediction")
    alone = torch.cat([metric.compute(prediction[i : i + 1], _one(batch, i)) for i in range(2)])
    same = torch.allclose(rows, alone, atol=1e-5, equal_nan=True)
    require(same, f"{name}: a picture's row depends on its neighbours")
    numbers = _numbers(metric, rows, info, name)
    require(_equal(numbers, _numbers(metric, rows, info, name)), f"{name}: the same rows give other numbers")
    if "source" not in info.needs:
        _check_best(metric, batch, numbers, info, name)
    flat = torch.full_like(prediction, -1.0)
    numbers = _numbers(metric, metric.compute(flat, replace(batch, target=flat)), info, name)
    nans = [key for key, number in numbers.items() if number != number]
    # A class that no picture shows has no number of its own; what decides a checkpoint must have one.
    require(_first(numbers, info, name) not in nans, f"{name}: {nans} of pictures of one colour is not a number")


def _batch(spec: DataSpec, size: int, extras: "Mapping[str, Tensor]") -> Batch:
    from imtrans.engine.data.loader import one_hot

    target = spec.target
    batch = batch_of_noise(size=size, channels=spec.source.num_channels, target_channels=target.num_channels)
    if target.kind == "labels" and target.classes:
        numbers = ((noise(2, 1, size, size, seed=7) + 1) / 2 * target.classes).long().clamp(max=target.classes - 1)
        batch = replace(batch, target=one_hot(numbers, target))
    return replace(batch, extras=dict(extras))


def _one(batch: Batch, row: int) -> Batch:
    one = slice(row, row + 1)
    extras = {key: value[one] for key, value in batch.extras.items()}
    return Batch(
        source=batch.source[one], target=batch.target[one], keys=batch.keys[one], draws=batch.draws[one], extras=extras
    )


def _numbers(metric: Any, rows: "Tensor", info: MetricInfo, name: str) -> dict[str, float]:
    numbers = dict(metric.aggregate(rows))
    floats = all(isinstance(number, float) for number in numbers.values())
    require(numbers and floats, f"{name}: aggregate must give floats by name")
    declared = [*info.numbers] or [name]
    require(any(key in declared for key in numbers), f"{name}: gives {sorted(numbers)}; it declares {declared}")
    return numbers


def _first(numbers: Mapping[str, float], info: MetricInfo, name: str) -> str:
    """The number that decides which checkpoint is best."""
    return next(key for key in (*info.numbers, name) if key in numbers)


def _check_best(metric: Any, batch: Batch, numbers: Mapping[str, float], info: MetricInfo, name: str) -> None:
    equal = _numbers(metric, metric.compute(batch.target, batch), info, name)
    first = _first(numbers, info, name)
    best, other = equal[first], numbers[first]
    is_best = best >= other if info.points_up(first) else best <= other
    way = "higher" if info.points_up(first) else "lower"
    found = f"{first} of equal pictures is {best:.4g}, of others {other:.4g}"
    require(is_best, f"{name}: {found}; it declares that {way} is better")


def _equal(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    return str(dict(one)) == str(dict(other))  # as text: NaN is not equal to itself
