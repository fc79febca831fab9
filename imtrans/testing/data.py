"""Checks of data sets, metrics and augmentations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imtrans.interfaces import Dataset, DatasetDescription, Issue
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
        _check_reports(source.dataset, name)


def _check_pair(dataset: Dataset, name: str) -> None:
    import numpy as np

    pair, again = dataset[0], dataset[0]
    for side in ("source", "target"):
        array, spec = getattr(pair, side), getattr(dataset.data_spec, side)
        require(
            array.shape[-1] == spec.channels,
            f"{name}: {side} is {array.shape}, its data_spec has {spec.channels} channels",
        )
        require(np.array_equal(array, getattr(again, side)), f"{name}: pair 0 differs from one reading to the next")
    require(pair.key, f"{name}: a pair needs a key")


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
    """A metric gives a row for each picture, whatever else is in the batch, and numbers for all rows."""
    import torch

    from imtrans.interfaces import Batch

    metric = make("metric", name, **options)
    batch, prediction = batch_of_noise(size=32), torch.rand(2, 3, 32, 32) * 2 - 1
    rows = metric.compute(prediction, batch)
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
