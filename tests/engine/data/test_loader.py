from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import config

from imtrans.config.schema import ResolvedComponent
from imtrans.engine.data.loader import Samples, loader, one_hot, prepare
from imtrans.engine.data.pair_loader import PairLoader, open_split, open_training
from imtrans.engine.data.sampler import EpochSampler, Position, SampleIndex
from imtrans.engine.data.source import DatasetSource
from imtrans.errors import DataError, ShapeError
from imtrans.interfaces import DataSpec, ImageSpec, Pair
from imtrans.kit.bases import BaseDataset
from imtrans.plugins.component import Component, DatasetInfo


class Numbered(BaseDataset):
    """Pairs of one pixel value each."""

    def __init__(self, count=5, *, data_spec=None, size=4, bad=None):
        self.data_spec, self.count, self.size, self.bad = data_spec or DataSpec(), count, size, bad

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        size = self.size + (index == self.bad)
        source = np.full((size, size, self.data_spec.source.channels), index, np.uint8)
        return Pair(source=source, target=np.full((size, size, 3), 100 + index, np.uint8), key=f"k{index}")

    def files(self, index):
        return [Path(f"{index}.png")]


def loading(dataset, *, is_paired=True, **options):
    component = Component(kind="dataset", name="n", target="x:y", summary="", info=DatasetInfo(is_paired=is_paired))
    resolved = ResolvedComponent(component=component, name="n", options=None)
    return PairLoader(source=DatasetSource(resolved=resolved, split="train", built=dataset), **options)


def order(**changes):
    return EpochSampler(**{"count": 5, "batch_size": 2, "seed": 3, "steps": 9, **changes})


def batches(**changes):
    return [step.indices for step in order(**changes)]


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

    source = open_split(config(), "train")
    pixels = source.pair(SampleIndex(0, 3))[0].source
    copy = pickle.loads(pickle.dumps(source))
    assert copy.source.built is None
    np.testing.assert_array_equal(copy.pair(SampleIndex(0, 3))[0].source, pixels)


def test_values_become_minus_one_to_one():
    stored = next(loader(loading(Numbered()), batches(), workers=0))
    batch = prepare(stored, DataSpec(), torch.device("cpu"))
    assert batch.source.shape == (2, 3, 4, 4)
    wanted = torch.from_numpy(stored.target).movedim(-1, 1) / 127.5 - 1
    torch.testing.assert_close(batch.target, wanted)


def test_direction_exchanges_the_sides():
    data_spec = DataSpec(source=ImageSpec(channels=1))
    given = loading(Numbered(data_spec=data_spec), is_reversed=True)
    assert given.data_spec.source.channels == 3
    assert given.data_spec.target.channels == 1
    pair, _ = given.pair(SampleIndex(0, 2))
    assert pair.source[0, 0, 0] == 102
    assert pair.target[0, 0, 0] == 2


def test_labels_are_resized_without_mixing_and_become_planes():
    data_spec = DataSpec(source=ImageSpec(kind="labels", channels=1, classes=5))
    given = loading(Numbered(data_spec=data_spec), size=(6, 7))
    stored = next(loader(given, batches(), workers=0))
    assert stored.source.shape == (2, 6, 7, 1)
    batch = prepare(stored, data_spec, torch.device("cpu"))
    assert batch.source.shape == (2, 5, 6, 7)
    assert batch.source.sum(1).eq(1).all()
    assert batch.source.argmax(1)[:, 0, 0].tolist() == [int(k[1:]) for k in stored.keys]


def test_a_label_beyond_the_classes_names_the_file():
    given = loading(Numbered(data_spec=DataSpec(source=ImageSpec(kind="labels", channels=1, classes=3))))
    with pytest.raises(DataError, match=r"4\.png: label 4 is not below 3"):
        given.pair(SampleIndex(0, 4))


@pytest.mark.parametrize("workers", [0, 1])
def test_pictures_of_two_sizes_in_a_batch_are_named(workers):
    given = loading(Numbered(bad=2))
    with pytest.raises(ShapeError, match="differ in size") as caught:
        list(loader(given, batches(), workers=workers))
    assert "data.batch_size=1" in caught.value.hint


def test_a_wrong_number_of_channels_names_the_file():
    dataset = Numbered()
    dataset.data_spec = replace(dataset.data_spec, target=ImageSpec(channels=1))
    with pytest.raises(ShapeError, match=r"0\.png: 3 channels where the data set says 1"):
        loading(dataset).pair(SampleIndex(0, 0))


def test_one_hot_leaves_pictures_alone():
    x = torch.rand(1, 3, 2, 2)
    assert one_hot(x, ImageSpec()) is x


def test_the_loader_is_asked_for_the_size_that_the_augmentation_cuts_from():
    from factories import plugins

    from imtrans.engine import build
    from imtrans.plugins.catalog import Catalog

    chosen = config({"augment.kornia-jitter.scale": "1.25", "augment.kornia-jitter.interpolation": "nearest"})
    given, _, _ = open_training(chosen, build.ComponentFactory(Catalog(plugins().records)))
    assert given.size == (40,)
    assert given.interpolation == "nearest"
    assert given.pair(SampleIndex(0, 0))[0].source.shape == (40, 40, 3)
    assert open_split(chosen, "val").pair(SampleIndex(0, 0))[0].source.shape == (32, 32, 3)
    assert isinstance(Samples(given)[SampleIndex(0, 0)], tuple)
