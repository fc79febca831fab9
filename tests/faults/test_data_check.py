"""`imtrans data check` and --skip-invalid: row 20 of the faults, and D13 to D25 as far as they are its work."""

import json
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from corruptions import OFF_PALETTE, WAYS, broken, cut, drawn, whole
from factories import config, go_on, job, pairs
from PIL import Image

from imtrans import hookimpl
from imtrans.atomic_io import digest
from imtrans.engine.data.loader import Samples, loader
from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.data.sampler import EpochSampler, SampleIndex
from imtrans.engine.data.skipped_samples import SKIPPED, entries
from imtrans.engine.distributed import ProcessGroup
from imtrans.engine.training import trainer
from imtrans.engine.validation import preflight, validate
from imtrans.errors import CheckpointError, DataError, Interrupted
from imtrans.plugins.component import ComponentRef

SMALL = ("--set", "data.size=32", "--set", "generator.depth=3", "--set", "generator.width=2", "--set", "metrics=[]")
LONG = (*SMALL, "--set", "discriminator.width=2", "--set", "train.num_samples=1", "--set", "data.batch_size=4")
SMALL = (*LONG, "--steps", "2")


def names_of(issue):
    return {Path(file).stem for file in issue["files"]}


def checked(cli, *arguments, code):
    done = cli("data", "check", *arguments, "--json")
    assert done.code == code, done.err
    return json.loads(done.out)


def found(cli, *arguments, code=0):
    """What a check found, by kind."""
    told = checked(cli, *arguments, code=code)["issues"]
    return {kind: [f for f in told if f["code"] == kind] for kind in {f["code"] for f in told}}


def compare(told, breaks):
    """Each broken pair is found as what it is, and none that is whole."""
    faults = [f for f in told["issues"] if f["is_fault"]]
    assert {name for f in faults for name in names_of(f)} == set(breaks)
    for name, code in breaks.items():
        assert code in {f["code"] for f in faults if name in names_of(f)}, (name, code)
    assert all(f["hint"] and f["what"] for f in faults)
    assert told["unusable"] == len(breaks)


@pytest.mark.slow
def test_every_way_of_breaking_is_found_and_nothing_else(cli, check_message, tmp_path):
    assert len(WAYS) == 20
    breaks = broken(tmp_path / "x" / "train", whole(tmp_path / "x" / "train", 100), each=2)
    whole(tmp_path / "x" / "val", 6, seed=1)
    told = checked(cli, "./x", code=3)
    compare(told, breaks)
    assert told["counts"] == {"train": 100, "val": 6}
    done = cli("data", "check", "./x")
    check_message(done.err)
    assert "40 of 106 samples cannot be used" in done.err
    assert max(map(len, done.out.splitlines())) <= 80
    assert "x/train/A/0000.png: the file is empty" in done.out
    assert "-> Remove or rename one of them." in done.out


@pytest.mark.slow
def test_sixty_of_a_thousand_are_found_and_the_others_are_trained_on(cli, tmp_path):
    breaks = broken(tmp_path / "x" / "train", whole(tmp_path / "x" / "train", 1000), each=3)
    whole(tmp_path / "x" / "val", 30, seed=1)
    assert len(breaks) == 60
    compare(checked(cli, "./x", code=3), breaks)
    assert cli("run", "pix2pix", "--dataset", "./x", *SMALL).code == 3
    done = cli("run", "pix2pix", "--dataset", "./x", "--skip-invalid", *LONG, "--epochs", "1", "--name", "kept")
    assert done.code == 0, done.err
    told = json.loads((tmp_path / "runs" / "kept" / "dataset.json").read_text())
    assert told["counts"]["train"] == 940
    listed = entries(tmp_path / "runs" / "kept" / SKIPPED)
    assert len(listed) == 60
    assert all(entry["what"] for entry in listed)
    assert {name for entry in listed for name in names_of(entry)} == set(breaks)


def test_a_run_refuses_broken_pairs_and_names_the_first_three(refused, tmp_path):
    whole(tmp_path / "x" / "train", 12)
    for number in (0, 2, 5, 7):
        (tmp_path / "x" / "train" / "B" / f"000{number}.png").write_bytes(b"")
    whole(tmp_path / "x" / "val", 2)
    cut(tmp_path / "x" / "train" / "A" / "0009.png")
    (tmp_path / "x" / "train" / "B" / "0000.png").write_bytes(
        (tmp_path / "x" / "train" / "B" / "0001.png").read_bytes()
    )
    told = refused("run", "pix2pix", "--dataset", "./x", *SMALL, code=3)
    assert "4 of 12 train samples cannot be used" in told
    assert all(f"B/000{n}.png: the file is empty" in told for n in (2, 5, 7))
    assert "and 1 more" in told
    assert "imtrans data check ./x" in told
    assert "--skip-invalid" in told


@pytest.mark.slow
def test_the_mends_of_a_refusal_work(cli, tmp_path):
    whole(tmp_path / "x" / "train", 12)
    whole(tmp_path / "x" / "val", 2)
    (tmp_path / "x" / "train" / "A" / "0000.png").write_text("the first pair, too")
    cut(tmp_path / "x" / "train" / "B" / "0003.png")
    (tmp_path / "x" / "train" / "A" / "0004.png").unlink()
    assert cli("run", "pix2pix", "--dataset", "./x", *SMALL).code == 3
    assert cli("data", "check", "./x").code == 3
    done = cli("run", "pix2pix", "--dataset", "./x", "--skip-invalid", *SMALL, "--name", "kept")
    assert done.code == 0, done.err
    assert "3 of 12 samples are left out (skipped.jsonl)" in done.err
    listed = entries(tmp_path / "runs" / "kept" / SKIPPED)
    assert [(e["code"], e["when"], e["split"]) for e in listed] == [
        ("no-partner", "before", "train"),
        ("not-a-picture", "before", "train"),
        ("broken", "before", "train"),
    ]
    assert "skip_invalid = true" in (tmp_path / "runs" / "kept" / "config.toml").read_text()


@pytest.mark.slow
def test_what_was_found_once_is_not_found_out_again(cli, tmp_path):
    names = whole(tmp_path / "x", 12)
    cut(tmp_path / "x" / "A" / f"{names[3]}.png")
    first = checked(cli, "./x", code=3)
    assert first["examined"] == 12
    again = checked(cli, "./x", code=3)
    assert again["examined"] == 0
    assert again["issues"] == first["issues"]
    shutil.copy(tmp_path / "x" / "A" / f"{names[4]}.png", tmp_path / "x" / "A" / f"{names[3]}.png")
    mended = checked(cli, "./x", code=0)
    assert mended["examined"] == 1
    for cache in (tmp_path / "home" / "checks").iterdir():
        cache.write_text('{"format": 1, "samples": {"torn')
    assert checked(cli, "./x", code=0)["examined"] == 12


def test_an_earlier_check_counts_when_a_run_begins(cli, tmp_path):
    """A picture with a hole in its middle looks whole from outside."""
    names = whole(tmp_path / "x", 12)
    path = tmp_path / "x" / "A" / f"{names[3]}.png"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    checked(cli, "./x", *SMALL[:2], code=3)
    done = cli("run", "pix2pix", "--dataset", "./x", *SMALL)
    assert done.code == 3
    assert f"A/{names[3]}.png: broken or cut off" in done.err


def test_an_interrupted_check_keeps_what_it_found(tmp_path, monkeypatch):
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    whole(tmp_path / "x", 12)
    chosen = config({"data.skip_invalid": "true"}, dataset=ComponentRef("folder", {"path": str(tmp_path / "x")}))

    def tick(done, count):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        validate.check_dataset({"train": open_split(chosen, "train")}, tick=tick)
    assert validate.check_dataset({"train": open_split(chosen, "train")}).read == 9 - 5


def test_large_sets_are_examined_by_several_processes_with_the_same_result(tmp_path, monkeypatch):
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    broken(tmp_path / "x", whole(tmp_path / "x", 30), each=1)
    chosen = config({"data.skip_invalid": "true"}, dataset=ComponentRef("folder", {"path": str(tmp_path / "x")}))
    loading = open_split(chosen, "train")
    alone = validate.check_dataset({"train": loading}).issues
    shutil.rmtree(tmp_path / "home")
    monkeypatch.setattr(validate, "FEW", 1)
    helped = validate.check_dataset({"train": loading})
    assert helped.read > 0
    assert helped.issues == alone


# What is odd, and no fault: exit code 0.


def rewritten(path, change, **how):
    """A picture stored otherwise."""
    change(Image.open(path)).save(path, **how)


def test_modes_other_than_most_are_told(cli, tmp_path):
    names = whole(tmp_path / "x", 12)
    for name, mode in zip(names, ("P", "RGBA", "L", "LA"), strict=False):
        rewritten(tmp_path / "x" / "A" / f"{name}.png", lambda image, mode=mode: image.convert(mode))
    deep = np.zeros((32, 32), np.uint16)
    Image.fromarray(deep).save(tmp_path / "x" / "A" / f"{names[5]}.png")
    told = found(cli, "./x", "--set", "data.size=32")["odd-mode"]
    assert [f["what"].rpartition(": ")[2] for f in told] == [
        "a palette (P) among colour (RGB)",
        "colour with alpha (RGBA) among colour (RGB)",
        "grey (L) among colour (RGB)",
        "grey with alpha (LA) among colour (RGB)",
        "16 bit (I;16) among colour (RGB)",
    ]


def test_a_turn_on_one_side_only_is_told(cli, tmp_path):
    names = whole(tmp_path / "x", 6)
    exif = Image.Exif()
    exif[0x0112] = 3
    path = tmp_path / "x" / "A" / f"{names[2]}.png"
    rewritten(path, lambda image: image, exif=exif)
    (told,) = found(cli, "./x")["turned"]
    assert names_of(told) == {names[2]}
    assert "EXIF orientations 3 and 1" in told["what"]


def test_the_same_pair_twice_and_pairs_of_two_splits_are_told_by_content(cli, tmp_path):
    """D25."""
    whole(tmp_path / "x" / "train", 8)
    whole(tmp_path / "x" / "val", 4, seed=1)
    for side in "AB":
        train, val = tmp_path / "x" / "train" / side, tmp_path / "x" / "val" / side
        shutil.copy(train / "0001.png", train / "copy.png")
        # Another file, the same pixels.
        Image.open(train / "0002.png").save(val / "again.png", compress_level=9)
    shutil.copy(tmp_path / "x" / "train" / "A" / "0003.png", tmp_path / "x" / "val" / "A" / "0000.png")
    told = found(cli, "./x")
    assert [names_of(f) for f in told["duplicate"]] == [{"0001", "copy"}]
    assert [(f["split"], f["what"].partition(": ")[2]) for f in told["overlap"]] == [
        ("val", "the same source as x/train/A/0003.png and x/train/B/0003.png, which is trained on"),
        ("val", "the same pair as x/train/A/0002.png and x/train/B/0002.png, which is trained on"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("count", "is_told"), [(1, False), (2, True)])
def test_constant_pictures_are_told_where_they_are_more_than_one_in_a_hundred(count, is_told, cli, tmp_path):
    """I15."""
    for number in range(120):
        (tmp_path / "x" / "train").mkdir(parents=True, exist_ok=True)
        array = np.full((4, 8, 3), number, np.uint8)
        array[0, 0] = array[0, 5] = 255
        if number < count:
            array[:, :4] = 0
        Image.fromarray(array).save(tmp_path / "x" / "train" / f"{number}.png")
    (tmp_path / "x" / "val").mkdir()
    shutil.copy(tmp_path / "x" / "train" / "9.png", tmp_path / "x" / "val")
    told = found(cli, "./x", "--set", "dataset.layout=halves")
    assert [f["what"] for f in told.get("constant", [])] == [
        "2 of 120 sources are one colour: x/train/0.png, x/train/1.png"
    ] * is_told


def test_labels_kept_as_jpeg_and_the_unlikely_direction_are_told(cli, tmp_path):
    for name in whole(tmp_path / "x", 30):
        path = tmp_path / "x" / "B" / f"{name}.png"
        Image.open(path).save(path.with_suffix(".jpg"), quality=95)
        path.unlink()
    told = found(cli, "./x")
    assert "24 of 24 targets look like label maps or drawings, and are JPEG" in told["jpeg-labels"][0]["what"]
    assert told["direction"][0]["hint"].endswith("--set data.direction=BtoA")
    turned = found(cli, "./x", "--set", "data.direction=BtoA")
    assert "24 of 24 sources look like" in turned["jpeg-labels"][0]["what"]
    assert "direction" not in turned


def test_sides_of_one_kind_are_never_called_swapped(cli, tmp_path):
    random = np.random.default_rng(3)
    (tmp_path / "x").mkdir()
    for number in range(30):
        both = np.concatenate([drawn(random)[0], drawn(random)[0]], axis=1)
        Image.fromarray(both).save(tmp_path / "x" / f"{number}.png")
    assert found(cli, "./x", "--set", "dataset.layout=halves") == {}


def test_colours_that_no_label_has_are_a_fault(cli, tmp_path):
    names = whole(tmp_path / "x", 40)
    code, breaks = OFF_PALETTE
    breaks(tmp_path / "x" / "A" / f"{names[7]}.png", tmp_path / "x" / "B" / f"{names[7]}.png")
    (told,) = found(cli, "./x", code=3)[code]
    assert names_of(told) == {names[7]}
    assert "colours beside the 5 of the other targets" in told["what"]


def test_a_rare_class_is_no_fault(cli, tmp_path):
    names = whole(tmp_path / "x", 40)
    path = tmp_path / "x" / "B" / f"{names[7]}.png"
    array = np.array(Image.open(path))
    array[3:9, 3:9] = (1, 2, 3)
    Image.fromarray(array).save(path)
    assert "colours" not in found(cli, "./x")


def test_values_outside_the_classes_are_faults(cli, tmp_path):
    """D23 and D24, listed beside each other."""
    names = whole(tmp_path / "x", 12)
    for name in names:
        Image.fromarray(np.resize(np.arange(3, dtype=np.uint8), (32, 32))).save(tmp_path / "x" / "B" / f"{name}.png")
    rewritten(tmp_path / "x" / "B" / f"{names[2]}.png", lambda image: image.point(lambda value: value + 5))
    rewritten(tmp_path / "x" / "B" / f"{names[5]}.png", lambda image: image.convert("P"))
    told = found(cli, "./x", "--set", "dataset.labels=target", "--set", "dataset.classes=3", code=3)["values"]
    assert [names_of(f) for f in told] == [{names[2]}, {names[5]}]
    assert "value 7; allowed are 0 to 2" in told[0]["what"]


def test_a_table_whose_files_are_gone_is_checked_all_the_same(cli, tmp_path):
    names = whole(tmp_path / "x", 12)
    rows = "".join(f"x/A/{name}.png,x/B/{name}.png\n" for name in names)
    (tmp_path / "pairs.csv").write_text(f"source,target\n{rows}")
    (tmp_path / "x" / "B" / f"{names[1]}.png").unlink()
    assert [names_of(f) for f in found(cli, "pairs.csv", code=3)["missing"]] == [{names[1]}]


# While a run trains.


def skipping(tmp_path, count=7, **settings):
    """Training and validation of a set of pairs, as a run with data.skip_invalid sees it."""
    use = pairs(tmp_path / "pairs", train=count)
    chosen = config({"data.skip_invalid": "true", **settings}, dataset=use)
    splits = [open_split(chosen, "train"), open_split(chosen, "val")]
    return preflight.screen(chosen, splits, folder=tmp_path, start=None, world=ProcessGroup())


def read(loading, *, workers=0, steps=8):
    order = EpochSampler(count=len(loading.source.dataset), batch_size=2, seed=0, steps=steps)
    return [[*b.keys] for b in loader(loading, (s.indices for s in order), workers=workers)]


def test_another_sample_serves_for_one_that_goes_bad_whoever_loads(tmp_path, monkeypatch):
    """D21 and W02: the same one each time, listed once."""
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    training, _ = skipping(tmp_path)
    before = read(training)
    (tmp_path / "pairs" / "train" / "3.png").unlink()
    alone = read(training)
    assert read(training, workers=2) == alone
    changed = [
        (one, other)
        for a, b in zip(before, alone, strict=True)
        for one, other in zip(a, b, strict=True)
        if one != other
    ]
    assert {one for one, _ in changed} == {"3"}
    assert len(changed) == 2, "once in each of two epochs"
    (listed,) = entries(tmp_path / SKIPPED)
    assert (listed["when"], listed["split"], names_of(listed)) == ("during", "train", {"3"})
    assert listed["what"].endswith("3.png: no such file")


def test_more_than_one_in_a_hundred_ends_the_run(tmp_path, monkeypatch):
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    training, _ = skipping(tmp_path)
    for name in ("3", "5"):
        (tmp_path / "pairs" / "train" / f"{name}.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"2 of 7 train samples went bad since the run began, more than 1 %: .*3\.png"):
        read(training)


def test_without_skipping_a_picture_that_goes_bad_is_named(tmp_path, monkeypatch):
    training, _ = skipping(tmp_path)
    cut(tmp_path / "pairs" / "train" / "3.png")
    for workers in (0, 2):
        with pytest.raises(DataError, match=r"3\.png: broken or cut off"):
            read(replace(training, skip_log=None), workers=workers)


def test_validation_goes_on_as_well(tmp_path, monkeypatch):
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    _, validation = skipping(tmp_path)
    cut(tmp_path / "pairs" / "val" / "0.png")
    samples = Samples(validation)
    assert samples.received(samples.collate([samples[SampleIndex(0, 0)]])).keys == ["1"]
    assert [e["split"] for e in entries(tmp_path / SKIPPED)] == ["val"]


class Stopper:
    """An observer that has this process stopped once so many steps are done."""

    def __init__(self, step):
        self.step = step

    @hookimpl
    def imtrans_logged(self, run, step, values):
        if self.step == step:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_resumed_run_that_skips_equals_an_uninterrupted_one(workers, tmp_path, monkeypatch):
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    data = pairs(tmp_path / "pairs")
    bad, later = tmp_path / "pairs" / "train" / "2.png", tmp_path / "pairs" / "train" / "4.png"
    cut(bad)
    sound = later.read_bytes()
    settings = {"data.skip_invalid": "true", "train.steps": "9", "train.save_every": "4", "metrics": "l1"}
    settings |= {"data.workers": workers, "train.log_every": "1", "train.keep_last": "9"}

    straight = job(tmp_path / "straight", settings, dataset=data)
    assert len(straight.training.source.dataset) == 6
    cut(later)
    trainer.fit(straight)

    later.write_bytes(sound)
    first = job(tmp_path / "stopped", settings, dataset=data)
    cut(later)
    first.observers._manager.register(Stopper(5))
    with pytest.raises(Interrupted):
        trainer.fit(first)
    trainer.fit(go_on(tmp_path / "stopped", settings, dataset=data))
    one, other = (tmp_path / name / "step-000009" for name in ("straight", "stopped"))
    assert {p.name: digest(p) for p in one.iterdir()} == {p.name: digest(p) for p in other.iterdir()}
    told = [(e["when"], *names_of(e)) for e in entries(tmp_path / "stopped" / SKIPPED)]
    assert told == [("before", "2"), ("during", "4")]


@pytest.mark.slow
def test_a_run_goes_on_without_the_pictures_that_it_was_without(tmp_path, monkeypatch):
    """Also when they are whole again: else the order would be another."""
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path / "home"))
    data = pairs(tmp_path / "pairs")
    bad = tmp_path / "pairs" / "train" / "2.png"
    sound = bad.read_bytes()
    cut(bad)
    settings = {"data.skip_invalid": "true", "train.steps": "2", "metrics": "l1"}
    trainer.fit(job(tmp_path / "run", settings, dataset=data))
    bad.write_bytes(sound)
    again = go_on(tmp_path / "run", {**settings, "train.steps": "4"}, dataset=data)
    assert len(again.training.source.dataset) == 6
    cut(tmp_path / "pairs" / "train" / "1.png")
    with pytest.raises(CheckpointError, match="the data set has changed"):
        go_on(tmp_path / "run", {**settings, "train.steps": "4"}, dataset=data)
    anew = go_on(tmp_path / "run", {**settings, "train.steps": "4"}, dataset=data, accepts_data=True)
    assert len(anew.training.source.dataset) == 6, "2 is back, 1 is gone"


THEIRS = """
from imtrans import Component, DatasetInfo, hookimpl


class Plain:
    @hookimpl
    def imtrans_provide(self):
        yield Component(
            kind="dataset", name="theirs", target="theirs:make", summary="", info=DatasetInfo(), needs_context=True
        )


def make(*, context):
    from imtrans.interfaces import Issue, DatasetDescription, DataSpec
    from imtrans.kit.bases import BaseDataset

    class Theirs(Films, BaseDataset):
        data_spec = DataSpec()

    issues = [Issue(code="no-sound", what="film 3 has no sound", hint="Dub it.")] if context.skip_invalid else []
    films = Theirs()
    films.description = DatasetDescription(issues=issues)
    return films


class Films:
    def __len__(self):
        return 4

    def __getitem__(self, index):
        import numpy as np
        from imtrans.errors import DataError
        from imtrans.interfaces import Pair

        if index == 2:
            raise DataError("film 2 does not begin", hint="Wind it back.")
        array = np.full((32, 32, 3), index, np.uint8)
        array[0] = 9
        return Pair(source=array, target=array, key=f"film {index}")

    def check(self, index, pair):
        from imtrans.interfaces import Issue

        if index == 1:
            yield Issue(code="too-dark", what=f"{pair.key} is dark", hint="Lamp!", is_fault=False)


plugin = Plain()
"""


def test_a_plugins_data_set_is_checked_by_its_own_rules_too(cli, plugin_dist):
    plugin_dist("theirs", theirs=THEIRS, points={"theirs": "theirs:plugin"})
    told = found(cli, "theirs", "--set", "data.size=32", code=3)
    assert {code: [f["what"] for f in each if f["split"] == "train"] for code, each in told.items()} | {
        "overlap": 0
    } == {
        "no-sound": ["film 3 has no sound"],
        "too-dark": ["film 1 is dark"],
        "values": ["film 2 does not begin"],
        "overlap": 0,
    }
