"""Folds: each training sample is held out once, and the pictures for validation stay unseen."""

import pytest
from factories import config, go_on, job, pairs

from imtrans.engine.data.source import dataset_source
from imtrans.engine.data.splits.folds import Fold, in_fold
from imtrans.engine.data.splits.held_out import read_record
from imtrans.engine.training import trainer
from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import DatasetDescription, ImageSpec
from imtrans.kit.bases import BaseDataset


class Named(BaseDataset):
    """Samples that have names alone; those of one letter are one group."""

    def __init__(self, names):
        self.names = names
        self.data_spec = ImageSpec()
        self.description = DatasetDescription(group_of=lambda key: key[0])

    def __len__(self):
        return len(self.names)

    def key(self, index):
        return self.names[index]


def held(names, parts, recorded=None):
    """For each part the names that are held out; those to train on must be all others."""
    parts_of = []
    for number in range(1, parts + 1):
        sides = [
            {d.key(i) for i in range(len(d))}
            for is_held in (True, False)
            for d in [in_fold(Named(names), Fold(number, parts), recorded or {}, is_held_out=is_held)]
        ]
        assert sides[0] | sides[1] == set(names)
        assert not sides[0] & sides[1]
        parts_of.append(sides[0])
    return parts_of


@pytest.mark.parametrize(("count", "parts"), [(26, 5), (7, 7), (26, 2)])
def test_each_sample_is_held_out_once_and_the_parts_are_even(count, parts):
    names = [chr(97 + i) for i in range(count)]
    dealt = held(names, parts)
    assert sorted(name for part in dealt for name in part) == names
    assert max(map(len, dealt)) - min(map(len, dealt)) <= 1
    assert dealt == held(names[::-1], parts)  # the names decide, not their order


def test_samples_of_one_group_stay_together():
    names = [f"{letter}{n}" for letter in "abcdefg" for n in range(3)]
    for part in held(names, 3):
        assert all({f"{name[0]}{n}" for n in range(3)} <= part for name in part)


def test_what_a_run_has_held_out_stays_held_out_when_samples_are_added():
    names = [chr(97 + i) for i in range(10)]
    part = in_fold(Named(names), Fold(1, 3), {}, is_held_out=True)
    before = {part.key(i) for i in range(len(part))}
    recorded = {name: name in before for name in names}
    after = held([*names, *"pqrstu"], 3, recorded)[0]
    assert after & set(names) == before


def test_fewer_samples_than_parts_are_refused():
    with pytest.raises(DataError, match=r"data\.folds 5: there are only 3 training samples"):
        in_fold(Named([*"abc"]), Fold(1, 5), {}, is_held_out=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data.folds": "3"}, "data.folds without data.fold"),
        ({"data.fold": "3"}, "data.fold without data.folds"),
        ({"data.folds": "3", "data.fold": "4"}, "data.fold 4: there are only 3 parts"),
    ],
)
def test_half_of_the_two_keys_and_a_part_that_is_none_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        config(settings)


def keys(configured, split):
    dataset = dataset_source(configured, split, (32,)).dataset
    return {str(path) for i in range(len(dataset)) for path in dataset.files(i)}


def test_a_fold_is_of_the_training_pairs_and_those_of_validation_are_in_no_run(tmp_path):
    data = pairs(tmp_path / "pairs", train=7, val=2)
    plain = config(dataset=data)
    validation = keys(plain, "val")
    seen = set()
    for fold in "123":
        one = config({"data.folds": "3", "data.fold": fold}, dataset=data)
        assert not (keys(one, "train") | keys(one, "val")) & validation
        assert keys(one, "train") | keys(one, "val") == keys(plain, "train")
        seen |= keys(one, "val")
    assert seen == keys(plain, "train")


def test_where_there_is_no_place_for_validation_a_tenth_stays_unseen_by_all_folds(tmp_path):
    data = pairs(tmp_path / "pairs", train=12, val=0)
    (tmp_path / "pairs" / "val").rmdir()
    test = keys(config(dataset=data), "val")
    assert test
    for fold in "12":
        one = config({"data.folds": "2", "data.fold": fold}, dataset=data)
        assert not (keys(one, "train") | keys(one, "val")) & test


@pytest.mark.slow
def test_a_fold_that_was_stopped_goes_on_with_the_same_samples(tmp_path):
    settings = {"data.folds": "3", "data.fold": "2", "train.save_every": "2"}
    data = pairs(tmp_path / "pairs")
    whole = trainer.fit(job(tmp_path / "whole", {**settings, "train.steps": "6"}, dataset=data))
    trainer.fit(job(tmp_path / "half", {**settings, "train.steps": "2"}, dataset=data))
    recorded = read_record(tmp_path / "half")
    assert sorted(recorded.values()) == [False] * 5 + [True] * 2
    resumed = trainer.fit(go_on(tmp_path / "half", {**settings, "train.steps": "6"}, dataset=data))
    weights = [(r.checkpoint / "model.safetensors").read_bytes()[-4000:] for r in (whole, resumed)]
    assert weights[0] == weights[1]
