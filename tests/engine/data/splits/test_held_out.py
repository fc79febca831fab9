"""Training and validation share no sample: whatever the layout, whatever is added, however a run is started."""

import csv
import os

import numpy as np
import pytest
from factories import TINY, config
from PIL import Image

from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.data.splits.held_out import check_disjoint, held_out, read_record
from imtrans.errors import DataError
from imtrans.plugins.component import ComponentRef

NAMES = [f"{i:02}" for i in range(20)]


def save(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (16, 32, 3), np.uint8)).save(path)


def two_sides(one, two, ends=("", "")):
    for seed, name in enumerate(NAMES):
        save(one / f"{name}{ends[0]}.png", seed)
        save(two / f"{name}{ends[1]}.png", 100 + seed)


def table(top):
    two_sides(top / "a", top / "b")
    with (top / "pairs.csv").open("w") as file:
        csv.writer(file).writerows(
            [("source", "target", "split"), *((f"a/{n}.png", f"b/{n}.png", "train") for n in NAMES)]
        )
    return {"path": str(top / "pairs.csv")}


def halves(top):
    for seed, name in enumerate(NAMES):
        save(top / f"{name}.png", seed)


def folders(one, two, ends=("", "")):
    def make(top):
        two_sides(top / one, top / two, ends)
        return {"path": str(top)}

    return make


def anywhere(top):
    two_sides(top / "x", top / "elsewhere" / "y")
    return {"source": str(top / "x"), "target": str(top / "elsewhere" / "y")}


LAYOUTS = {
    "halves": lambda top: halves(top) or {"path": str(top)},
    "train/ of halves": lambda top: halves(top / "train") or {"path": str(top)},
    "A B": folders("A", "B"),
    "trainA trainB": folders("trainA", "trainB"),
    "train_A train_B": folders("train_A", "train_B"),
    "train/A train/B": folders("train/A", "train/B"),
    "A/train B/train": folders("A/train", "B/train"),
    "_A _B": folders(".", ".", ("_A", "_B")),
    "train/ of _A _B": folders("train", "train", ("_A", "_B")),
    "two folders": anywhere,
    "a table of train": table,
}


def keys(chosen, split, **more):
    dataset = open_split(chosen, split, **more).source.dataset
    assert [dataset.key(i) for i in range(len(dataset))] == [dataset[i].key for i in range(len(dataset))]
    return [dataset.key(i) for i in range(len(dataset))]


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_with_training_pairs_alone_some_are_held_out_in_every_layout(name, tmp_path):
    chosen = config(dataset=ComponentRef("folder", LAYOUTS[name](tmp_path)))
    train, val, test = (keys(chosen, split) for split in ("train", "val", "test"))
    assert not {*train} & {*val}
    assert sorted([*train, *val]) == sorted({*train, *val})
    assert len({*train, *val}) == len(NAMES)
    assert val == test != []
    notes = open_split(chosen, "train").source.dataset.description
    assert f"{len(val)} of 20 samples, chosen by name," in notes.notes[-1]
    assert notes.splits()["val"] == f"{len(val)} (held out of training)"


@pytest.mark.parametrize("folder", ["", "train", "train/deep"])
@pytest.mark.parametrize("maker", ["grey", "pencil"])
def test_photos_of_a_pair_maker_are_divided_as_well(maker, folder, tmp_path):
    halves(tmp_path / folder)
    chosen = config({"data.size": "16"}, dataset=ComponentRef(maker, {"root": str(tmp_path)}))
    assert not {*keys(chosen, "train")} & {*keys(chosen, "val")}


@pytest.mark.parametrize("other", ["val", "test"])
def test_with_a_place_for_validation_all_training_pairs_are_trained_on(other, tmp_path):
    halves(tmp_path / "train")
    save(tmp_path / other / "00.png", 99)
    chosen = config(dataset=ComponentRef("folder", {"path": str(tmp_path)}))
    assert (len(keys(chosen, "train")), len(keys(chosen, "val"))) == (20, 1)
    halves(tmp_path / "flat")
    save(tmp_path / "flat" / other / "00.png", 99)
    chosen = config(dataset=ComponentRef("folder", {"path": str(tmp_path / "flat")}))
    assert (len(keys(chosen, "train")), len(keys(chosen, "val"))) == (20, 1)


def test_a_test_folder_without_targets_serves_for_nothing_and_training_goes_on(tmp_path):
    two_sides(tmp_path / "trainA", tmp_path / "trainB")
    save(tmp_path / "testA" / "1.png", 1)
    chosen = config(dataset=ComponentRef("folder", {"path": str(tmp_path)}))
    dataset = open_split(chosen, "train").source.dataset
    assert len(dataset) < 20
    assert any("cannot serve for validation" in note and "testB" in note for note in dataset.description.notes)
    assert not {*keys(chosen, "train")} & {*keys(chosen, "val")}


def test_where_a_sample_belongs_follows_from_its_key_alone():
    everything = [f"name-{i}" for i in range(5000)]
    whole = dict(zip(everything, held_out(everything, {}), strict=True))
    assert sum(whole.values()) == pytest.approx(500, abs=80)
    part = everything[::7]
    assert held_out(part, {}) == [whole[key] for key in part]


@pytest.mark.parametrize("count", [2, 3, 5, 9])
def test_of_few_samples_there_is_one_on_either_side(count):
    for start in range(200):
        assert len({*held_out([f"{start + i}" for i in range(count)], {})}) == 2


def test_what_a_run_recorded_holds_whatever_is_added(tmp_path):
    few = [f"{i}" for i in range(4)]
    recorded = dict(zip(few, held_out(few, {}), strict=True))
    for i in range(300):
        more = [*few, f"new-{i}"]
        assert held_out(more, recorded)[:4] == [*recorded.values()]


def test_one_pair_alone_is_too_few(tmp_path):
    save(tmp_path / "one.png", 1)
    with pytest.raises(DataError, match=r"one\.png: one pair is too few"):
        open_split(config(dataset=ComponentRef("folder", {"path": str(tmp_path)})), "train")


@pytest.mark.parametrize("link", ["folder", "files", "hard links"])
def test_validation_through_links_to_training_is_refused(link, tmp_path):
    halves(tmp_path / "train")
    if link == "folder":
        (tmp_path / "val").symlink_to("train")
    else:
        (tmp_path / "val").mkdir()
        for name in NAMES[:2]:
            make = os.link if link == "hard links" else os.symlink
            make(tmp_path / "train" / f"{name}.png", tmp_path / "val" / f"other-{name}.png")
    chosen = config(dataset=ComponentRef("folder", {"path": str(tmp_path)}))
    train, val = (open_split(chosen, split).source.dataset for split in ("train", "val"))
    with pytest.raises(DataError, match=f"{len(val)} of {len(val)} validation samples are trained on as well"):
        check_disjoint(train, val)


def test_a_table_that_lists_a_pair_in_both_splits_is_refused_before_a_run(tmp_path, cli):
    table(tmp_path)
    with (tmp_path / "pairs.csv").open("a") as file:
        file.write("a/03.png,b/03.png,val\n")
    done = cli("run", "pix2pix", "--dataset", "./pairs.csv", *TINY)
    assert done.code == 3
    assert "1 of 1 validation samples are trained on as well" in done.err
    assert "03.png" in done.err


def test_rows_that_repeat_a_pair_are_taken_once(tmp_path):
    chosen = table(tmp_path)
    with (tmp_path / "pairs.csv").open("a") as file:
        file.writelines(f"a/{n}.png,b/{n}.png,train\n" for n in NAMES)
    chosen = config(dataset=ComponentRef("folder", chosen))
    train, val = (open_split(chosen, split).source.dataset for split in ("train", "val"))
    assert len(train) + len(val) == 20
    assert "20 rows repeat a pair: each pair is taken once" in train.description.notes
    check_disjoint(train, val)


@pytest.mark.slow
def test_a_run_keeps_its_split_when_pictures_are_added(tmp_path, cli):
    halves(tmp_path / "x")
    done = cli("run", "pix2pix", "--dataset", "./x", "--name", "r", *TINY, "--set", "dataset.layout=halves")
    assert done.code == 0, done.err
    before = read_record(tmp_path / "runs" / "r")
    assert {*before.values()} == {True, False}
    for i in range(30):
        save(tmp_path / "x" / f"new-{i}.png", 200 + i)
    done = cli("resume", "r", "--steps", "4", "--accept-dataset-change")
    assert done.code == 0, done.err
    after = read_record(tmp_path / "runs" / "r")
    assert len(after) == 50
    assert {key: after[key] for key in before} == before
    assert f"{sum(after.values())} of {sum(after.values())} pictures" in cli("evaluate", "r", "--protocol", "own").out


def test_made_pairs_are_apart(tmp_path, cli):
    halves(tmp_path / "x")
    done = cli("data", "make", "grey", "--data-root", "x", "-o", "pairs", "--size", "16")
    assert done.code == 0, done.err
    made = {split: {p.name[7:] for p in (tmp_path / "pairs" / split).iterdir()} for split in ("train", "val")}
    assert made["val"]
    assert not made["train"] & made["val"]


def smooth(seed, size):
    half = np.random.default_rng(seed).integers(0, 255, (9, 9, 3), np.uint8)
    coarse = np.hstack([half, 255 - half])
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "quality"), [((128, 64), 60), ((96, 48), 90)])
def test_the_check_finds_near_copies_across_the_line_and_says_when_there_are_none(size, quality, tmp_path, cli):
    for split, seeds in (("train", range(30)), ("val", range(30, 36))):
        (tmp_path / "x" / split).mkdir(parents=True)
        for seed in seeds:
            smooth(seed, (128, 64)).save(tmp_path / "x" / split / f"{seed}.png")
    done = cli("data", "check", "./x")
    assert "no sample of val is trained on: the files, the pixels and the looks of all" in done.out
    smooth(4, size).save(tmp_path / "x" / "val" / "copy.jpg", quality=quality)
    done = cli("data", "check", "./x")
    assert "x/val/copy.jpg: looks like x/train/4.png, which is trained on" in done.out
    assert done.out.count("looks like") == 1
    assert "no sample of" not in done.out
