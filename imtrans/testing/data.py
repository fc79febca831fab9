"""Checks of data sets, metrics and augmentations."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imtrans.interfaces import Dataset, DatasetDescription, DataSpec, ImageSpec, Issue
from imtrans.plugins.component import ComponentRef
from imtrans.plugins.options import specs, values
from imtrans.testing.contract import batch_of_noise, known, make, require


def check_dataset(name: str, *, size: Sequence[int] = (64,), **options: Any) -> None:
    """A data set gives pairs as its `data_spec` says, the same each time, for training and validation."""
    from imtrans.config.schema import ResolvedComponent
    from imtrans.engine.build import options_of
    from imtrans.engine.data.source import DatasetSource

    catalog = known()
    component = catalog.component("dataset", name)
    for split in ("train", "val"):
        chosen = options_of(component, ComponentRef(name, options))
        inner = catalog.named_sets(specs(component.options).values(), values(chosen))
        resolved = ResolvedComponent(component=component, name=name, options=chosen, inner=inner)
        source = DatasetSource(resolved=resolved, split=split, size=tuple(size))
        require(len(source.dataset) > 0, f"{name}: no pairs in {split}")
        _check_pair(source.dataset, name)
        _check_order(source.dataset, name)
        _check_reports(source.dataset, name)


def _check_pair(dataset: Dataset, name: str) -> None:
    import numpy as np

    pair, again = dataset[0], dataset[0]
    data_spec: DataSpec = dataset.data_spec
    declared, given = sorted(data_spec.extras), sorted(pair.extras)
    require(declared == given, f"{name}: its data_spec declares the extras {declared}, and pair 0 has {given}")
    planes = {"source": data_spec.source, "target": data_spec.target, **data_spec.extras}
    for plane, spec in planes.items():
        array, same = (p.extras[plane] if plane in p.extras else getattr(p, plane) for p in (pair, again))
        _check_plane(array, spec, f"{name}: {plane}")
        require(np.array_equal(array, same), f"{name}: pair 0 differs from one reading to the next")
        size, of_source = array.shape[:-1], pair.source.shape[:-1]
        is_free = plane == "target"  # unpaired data, and pairs that are resized
        require(is_free or size == of_source, f"{name}: {plane} is {size}, the source {of_source}: extras are planes")
    require(pair.key, f"{name}: a pair needs a key")


def _check_plane(array: Any, spec: ImageSpec, what: str) -> None:
    """An array (*spatial, C) of the numbers that its specification says."""
    import numpy as np

    require(isinstance(array, np.ndarray), f"{what} is {type(array).__name__}, not a numpy array (*spatial, C)")
    has_channels = array.ndim >= 2 and array.shape[-1] == spec.channels
    require(has_channels, f"{what} is {array.shape}, its data_spec has {spec.channels} channels")
    require(array.dtype.kind in "uif", f"{what} has type {array.dtype}: must be whole numbers or floats")
    require(np.isfinite(array).all(), f"{what} has NaN or infinity")
    if spec.kind == "labels":
        require(array.dtype.kind in "ui", f"{what} has type {array.dtype}: labels are whole numbers")
    elif not spec.clips:
        low, high = float(array.min()), float(array.max())
        inside = low >= spec.low and high <= spec.high
        require(inside, f"{what} goes from {low:g} to {high:g}, its data_spec from {spec.low:g} to {spec.high:g}")


def _check_order(dataset: Dataset, name: str) -> None:
    """Keys are unique, and a sample is the same whichever was read before it."""
    import numpy as np

    keys = [dataset.key(i) for i in range(min(len(dataset), 10_000))]
    twice = next((key for key, count in Counter(keys).items() if count > 1), None)
    require(twice is None, f"{name}: two samples have the key {twice!r}")
    some = range(min(len(dataset), 3))
    forth, back = [dataset[i] for i in some], [dataset[i] for i in reversed(some)][::-1]
    same = all(np.array_equal(a.source, b.source) and a.key == b.key for a, b in zip(forth, back, strict=True))
    require(same, f"{name}: the samples depend on the order in which they are read")


def _check_reports(dataset: Dataset, name: str) -> None:
    description, label_file = dataset.description, dataset.labels(0)
    require(isinstance(description, DatasetDescription), f"{name}: description must be a DatasetDescription")
    require(isinstance(description.splits(), Mapping), f"{name}: description.splits() must give texts by split")
    require(all(isinstance(file, Path) for file in dataset.files(0)), f"{name}: files() must give paths")
    require(label_file is None or isinstance(label_file, Path), f"{name}: labels() must give a path or None")
    issues = [*description.issues, *dataset.check(0, dataset[0])]
    require(all(isinstance(issue, Issue) for issue in issues), f"{name}: issues and check() must give Issues")
    require(dataset.collate is None or callable(dataset.collate), f"{name}: collate must be a function or None")


def check_metric(name: str, **options: Any) -> None:
    """A metric gives a row for each picture, whatever else is in the batch, the same each time, and numbers for all."""
    import torch

    from imtrans.interfaces import Batch

    metric = make("metric", name, **options)
    for size in (32, 192):  # some have no number for small pictures
        batch, prediction = batch_of_noise(size=size), torch.rand(2, 3, size, size) * 2 - 1
        rows = metric.compute(prediction, batch)
        if torch.isfinite(rows).all():
            break
    require(torch.isfinite(rows).all(), f"{name}: a row is not finite")
    require(torch.equal(rows, metric.compute(prediction, batch)), f"{name}: gives other rows the second time")
    require(rows.shape[0] == 2, f"{name}: {rows.shape[0]} rows for 2 pictures")
    second = Batch(source=batch.source[1:], target=batch.target[1:], keys=batch.keys[1:], draws=batch.draws[1:])
    alone = metric.compute(prediction[1:], second)
    require(torch.allclose(rows[1:], alone, atol=1e-5), f"{name}: a picture's row depends on its neighbours")
    numbers = metric.aggregate(rows)
    require(
        all(isinstance(number, float) for number in numbers.values()), f"{name}: aggregate must give floats by name"
    )


def check_augmentation(name: str, *, size: int = 32, **options: Any) -> None:
    """An augmentation gives the size that was asked for, and the same again for the same draws."""
    import torch

    augmentation = make("augmentation", name, size=(size,), **options)
    loaded = tuple(augmentation.input_size((size,)))
    require(len(loaded) == 1 and loaded[0] >= size, f"{name}: input_size(({size},)) gave {loaded}")
    batch = batch_of_noise(size=loaded[0])
    before = batch.source.clone()
    # Two states of the global generator: what is drawn from it, and not from `draws`, differs.
    torch.manual_seed(1)
    first = augmentation(batch)
    torch.manual_seed(2)
    again = augmentation(batch)
    require(torch.equal(batch.source, before), f"{name}: changed its input")
    for side in ("source", "target"):
        image, same = getattr(first, side), getattr(again, side)
        require(
            tuple(image.shape) == (2, 3, size, size), f"{name}: {side} is {tuple(image.shape)}, not {size} x {size}"
        )
        require(torch.equal(image, same), f"{name}: {side} follows from more than batch.draws")
    require(list(first.keys) == list(batch.keys), f"{name}: changed the keys")
