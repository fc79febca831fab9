from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small import config

from imtrans.component import Component, DatasetInfo
from imtrans.engine import assemble
from imtrans.engine.build import DatasetSource
from imtrans.engine.data import Loading, Samples, loader, one_hot, prepare
from imtrans.engine.order import Order, Place, Position
from imtrans.errors import DataError, ShapeError
from imtrans.interfaces import Pair, Signal, Signals


class Numbered:
    """Pairs of one pixel value each."""

    def __init__(self, count=5, *, signals=None, size=4, bad=None):
        self.signals, self.count, self.size, self.bad = signals or Signals(), count, size, bad

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        size = self.size + (index == self.bad)
        source = np.full((size, size, self.signals.source.channels), index, np.uint8)
        return Pair(source=source, target=np.full((size, size, 3), 100 + index, np.uint8), key=f"k{index}")

    def files(self, index):
        return [Path(f"{index}.png")]


def loading(dataset, *, is_paired=True, **options):
    component = Component(kind="dataset", name="n", target="x:y", summary="", info=DatasetInfo(is_paired=is_paired))
    return Loading(source=DatasetSource(component=component, options=None, split="train", built=dataset), **options)


def order(**changes):
    return Order(**{"count": 5, "batch_size": 2, "seed": 3, "steps": 9, **changes})


def batches(**changes):
    return [step.places for step in order(**changes)]


def test_every_epoch_visits_each_sample_once_in_its_own_order():
    steps = batches()
    assert [len(s) for s in steps] == [2, 2, 1] * 3
    epochs = [[p.index for s in steps[i : i + 3] for p in s] for i in (0, 3, 6)]
    assert all(sorted(e) == [0, 1, 2, 3, 4] for e in epochs)
    assert len({tuple(e) for e in epochs}) > 1
    assert [p.epoch for s in steps for p in s] == [0] * 5 + [1] * 5 + [2] * 5


def test_the_order_after_any_step_is_the_rest_of_the_whole():
    whole = list(order())
    for done in range(9):
        start = whole[done - 1].after if done else Position()
        assert list(order(start=start, steps=9 - done)) == whole[done:]


def test_processes_deliver_the_same_batches():
    given = loading(Numbered())
    alone = list(loader(given, batches(), workers=0))
    helped = list(loader(given, batches(), workers=2))
    assert [b.keys for b in alone] == [b.keys for b in helped]
    for one, other in zip(alone, helped, strict=True):
        assert np.array_equal(one.source, other.source)
        assert np.array_equal(one.draws, other.draws)


def test_a_workers_data_set_is_rebuilt_from_its_description():
    import pickle

    source = assemble.loading(config(), "train")
    pixels = source.pair(Place(0, 3))[0].source
    copy = pickle.loads(pickle.dumps(source))
    assert copy.source.built is None
    np.testing.assert_array_equal(copy.pair(Place(0, 3))[0].source, pixels)


def test_values_become_minus_one_to_one():
    stored = next(loader(loading(Numbered()), batches(), workers=0))
    batch = prepare(stored, Signals(), torch.device("cpu"))
    assert batch.source.shape == (2, 3, 4, 4)
    wanted = torch.from_numpy(stored.target).movedim(-1, 1) / 127.5 - 1
    torch.testing.assert_close(batch.target, wanted)


def test_direction_exchanges_the_sides():
    signals = Signals(source=Signal(channels=1))
    given = loading(Numbered(signals=signals), is_reversed=True)
    assert given.signals.source.channels == 3
    assert given.signals.target.channels == 1
    pair, _ = given.pair(Place(0, 2))
    assert pair.source[0, 0, 0] == 102
    assert pair.target[0, 0, 0] == 2


def test_labels_are_resized_without_mixing_and_become_planes():
    signals = Signals(source=Signal(kind="labels", channels=1, classes=5))
    given = loading(Numbered(signals=signals), size=(6, 7))
    stored = next(loader(given, batches(), workers=0))
    assert stored.source.shape == (2, 6, 7, 1)
    batch = prepare(stored, signals, torch.device("cpu"))
    assert batch.source.shape == (2, 5, 6, 7)
    assert batch.source.sum(1).eq(1).all()
    assert batch.source.argmax(1)[:, 0, 0].tolist() == [int(k[1:]) for k in stored.keys]


def test_a_label_beyond_the_classes_names_the_file():
    given = loading(Numbered(signals=Signals(source=Signal(kind="labels", channels=1, classes=3))))
    with pytest.raises(DataError, match=r"4\.png: label 4 is not below 3"):
        given.pair(Place(0, 4))


@pytest.mark.parametrize("workers", [0, 1])
def test_pictures_of_two_sizes_in_a_batch_are_named(workers):
    given = loading(Numbered(bad=2))
    with pytest.raises(ShapeError, match="differ in size") as caught:
        list(loader(given, batches(), workers=workers))
    assert "data.batch_size=1" in caught.value.mend


def test_a_wrong_number_of_channels_names_the_file():
    dataset = Numbered()
    dataset.signals = replace(dataset.signals, target=Signal(channels=1))
    with pytest.raises(ShapeError, match=r"0\.png: 3 channels where the data set says 1"):
        loading(dataset).pair(Place(0, 0))


def test_one_hot_leaves_pictures_alone():
    x = torch.rand(1, 3, 2, 2)
    assert one_hot(x, Signal()) is x


def test_the_loader_is_asked_for_the_size_that_the_augmentation_cuts_from():
    from small import plugins

    from imtrans.catalog import Catalog
    from imtrans.engine import build

    chosen = config({"augment.kornia-jitter.scale": "1.25", "augment.kornia-jitter.interpolation": "nearest"})
    augment = build.augmentations(chosen, build.Maker(Catalog(plugins().records)))
    given = assemble.loading(chosen, "train", augment=augment)
    assert given.size == (40,)
    assert given.interpolation == "nearest"
    assert given.pair(Place(0, 0))[0].source.shape == (40, 40, 3)
    assert assemble.loading(chosen, "val").pair(Place(0, 0))[0].source.shape == (32, 32, 3)
    assert isinstance(Samples(given)[Place(0, 0)], tuple)
