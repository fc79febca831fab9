"""Checks of data sets, metrics and augmentations."""

from collections.abc import Sequence
from typing import Any

from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef
from imtrans.plugins.discovery import discover
from imtrans.plugins.options import specs, values
from imtrans.testing.contract import batch_of_noise, make, require


def check_dataset(name: str, *, size: Sequence[int] = (64,), **options: Any) -> None:
    """A data set gives pairs as its signals say, the same each time, for training and validation."""
    import numpy as np

    from imtrans.engine.build import options_of
    from imtrans.engine.data.source import DatasetSource

    catalog = Catalog(discover().records)
    component = catalog.component("dataset", name)
    for split in ("train", "val"):
        chosen = options_of(component, ComponentRef(name, options))
        inner = catalog.named_sets(specs(component.options).values(), values(chosen))
        source = DatasetSource(component=component, options=chosen, split=split, size=tuple(size), inner=inner)
        dataset = source.dataset
        require(len(dataset) > 0, f"{name}: no pairs in {split}")
        pair, again = dataset[0], dataset[0]
        for side in ("source", "target"):
            array, spec = getattr(pair, side), getattr(dataset.data_spec, side)
            require(
                array.shape[-1] == spec.channels, f"{name}: {side} is {array.shape}, its signal says {spec.channels}"
            )
            require(np.array_equal(array, getattr(again, side)), f"{name}: pair 0 differs from one reading to the next")
        require(pair.key, f"{name}: a pair needs a key")
        require(dataset.files(0) is not None, f"{name}: files() must give a sequence")


def check_metric(name: str, **options: Any) -> None:
    """A metric gives a row for each picture, whatever else is in the batch, and numbers for all rows."""
    import torch

    from imtrans.interfaces import Batch

    metric = make("metric", name, **options)
    source, target = torch.rand(2, 3, 32, 32) * 2 - 1, torch.rand(2, 3, 32, 32) * 2 - 1
    batch = Batch(source=source, target=target, keys=["a", "b"], draws=torch.tensor([1, 2]))
    prediction = torch.rand(2, 3, 32, 32) * 2 - 1
    rows = metric.compute(prediction, batch)
    require(rows.shape[0] == 2, f"{name}: {rows.shape[0]} rows for 2 pictures")
    one = Batch(source=source[1:], target=target[1:], keys=["b"], draws=torch.tensor([2]))
    alone = metric.compute(prediction[1:], one)
    require(torch.allclose(rows[1:], alone, atol=1e-5), f"{name}: a picture's row depends on its neighbours")
    summary = metric.aggregate(rows)
    require(all(isinstance(v, float) for v in summary.values()), f"{name}: summarise must give floats by name")


def check_augmentation(name: str, *, size: int = 32, **options: Any) -> None:
    """An augmentation gives the size that was asked for, and the same again for the same draws."""
    import torch

    change = make("augmentation", name, size=(size,), **options)
    loaded = tuple(change.input_size((size,)))
    require(len(loaded) == 1 and loaded[0] >= size, f"{name}: input_size(({size},)) gave {loaded}")
    batch = batch_of_noise(size=loaded[0])
    before = batch.source.clone()
    torch.manual_seed(1)
    first = change(batch)
    torch.manual_seed(2)
    again = change(batch)
    require(torch.equal(batch.source, before), f"{name}: changed its input")
    for side in ("source", "target"):
        image, same = getattr(first, side), getattr(again, side)
        require(
            tuple(image.shape) == (2, 3, size, size), f"{name}: {side} is {tuple(image.shape)}, not {size} x {size}"
        )
        require(torch.equal(image, same), f"{name}: {side} follows from more than batch.draws")
    require(list(first.keys) == list(batch.keys), f"{name}: changed the keys")
