"""imtrans data pack: what goes in comes out, pixel by pixel, in order."""

import json
import tarfile

import numpy as np
import pytest
from PIL import Image
from plugins.shards.conftest import draw_pairs, open_reader

from imtrans.interfaces import DataSpec, ImageSpec, Pair
from imtrans.kit.images import encode
from imtrans.kit.shards import SetRecord, ShardReader, ShardWriter
from imtrans.kit.stores import open_store
from imtrans.testing import check_dataset, plugin_file

NUMBERS = np.random.default_rng(1)
PICTURE = ImageSpec()
SIDES = {
    "colour": (PICTURE, NUMBERS.integers(0, 256, (9, 8, 3), dtype=np.uint8)),
    "grey": (ImageSpec(channels=1), NUMBERS.integers(0, 256, (9, 8, 1), dtype=np.uint8)),
    "deep": (ImageSpec(bits=16, high=65535), NUMBERS.integers(0, 65536, (9, 8, 3), dtype=np.uint16)),
    "labels": (ImageSpec(kind="labels", channels=1, classes=9), NUMBERS.integers(0, 9, (9, 8, 1), dtype=np.uint8)),
    "float": (ImageSpec(channels=5, bits=32, high=1), NUMBERS.random((9, 8, 5), dtype=np.float32)),
    "volume": (ImageSpec(kind="data", channels=1, bits=32), NUMBERS.random((4, 9, 8, 1), dtype=np.float32)),
    "numbers": (ImageSpec(kind="labels", channels=2, classes=9), NUMBERS.integers(0, 9, (9, 8, 2), dtype=np.int32)),
}


def test_the_contract_of_data_sets(packed):
    with plugin_file():
        check_dataset("shards", path=str(packed))


@pytest.mark.parametrize("name", SIDES)
def test_every_kind_of_side_comes_back_as_it_was(name, tmp_path):
    spec, array = SIDES[name]
    record = SetRecord(data_spec=DataSpec(source=PICTURE, target=spec, extras={"more": spec}))
    source = SIDES["colour"][1]
    store = open_store(str(tmp_path))
    with ShardWriter(store, record) as writer:
        writer.add("train", Pair(source=source, target=array, key="a", extras={"more": array}))
        writer.close()
    reader = ShardReader(store, "train")
    sides = reader.read(0)
    assert reader.record.data_spec == record.data_spec
    assert [*sides] == ["source", "target", "more"]
    for side, packed in (("source", source), ("target", array), ("more", array)):
        assert sides[side].dtype == packed.dtype
        assert np.array_equal(sides[side], packed)


def test_order_splits_and_pictures_are_those_of_the_folder(pairs, packed):
    reader = open_reader(packed)
    assert [reader.place(i).shard.key(reader.place(i).row) for i in range(20)] == [f"scan.{i:04}" for i in range(20)]
    for split in ("val", "test"):
        assert len(open_reader(packed, split)) == 3
    assert [*reader.record.shards] == ["train", "val"], "test is val, and is not packed twice"
    for index in (0, 7, 19):
        stored = np.asarray(Image.open(pairs / "trainB" / f"scan.{index:04}.png"))
        assert np.array_equal(reader.read(index)["target"], stored)


def test_a_jpeg_goes_in_as_it_is_and_two_halves_as_one_member(cli, tmp_path):
    draw_pairs(tmp_path / "jpegs", train=2, val=1, suffix=".jpg")
    halves = tmp_path / "halves" / "train"
    halves.mkdir(parents=True)
    for name in "abcd":
        encode(halves / f"{name}.png", NUMBERS.integers(0, 256, (8, 16, 3), dtype=np.uint8))
    assert cli("data", "pack", "jpegs", "-o", "one").code == 0
    assert cli("data", "pack", "halves", "-o", "two", "--set", "dataset.layout=halves").code == 0
    with tarfile.open(tmp_path / "one" / "train-000000.tar") as tar:
        assert (
            tar.extractfile("scan%2E0000.target.jpg").read()
            == (tmp_path / "jpegs" / "trainB" / "scan.0000.jpg").read_bytes()
        )
        facts = json.load(tar.extractfile("scan%2E0000.json"))
    assert facts == {"key": "scan.0000", "files": ["scan.0000.jpg", "scan.0000.jpg"]}
    whole = np.asarray(Image.open(halves / "a.png"))
    packed = {s: open_reader(tmp_path / "two", s) for s in ("train", "val")}
    sides = next(r.read(i) for r in packed.values() for i in range(len(r)) if r.indexes[0].key(i) == "a")
    assert np.array_equal(np.hstack([sides["source"], sides["target"]]), whole)
    with tarfile.open(tmp_path / "two" / "train-000000.tar") as tar:
        assert [name.partition(".")[2] for name in tar.getnames()[:2]] == ["pair.png", "json"]


def test_labels_keep_their_classes_and_palette(cli, tmp_path):
    for side in "AB":
        (tmp_path / "maps" / f"train{side}").mkdir(parents=True)
    maps = NUMBERS.integers(0, 3, (5, 8, 8, 1), dtype=np.uint8)
    for index, ids in enumerate(maps):
        encode(tmp_path / "maps" / "trainA" / f"{index}.png", SIDES["colour"][1][:8])
        encode(tmp_path / "maps" / "trainB" / f"{index}.png", ids, palette=[(0, 0, 0), (9, 8, 7), (1, 2, 3)])
    labels = ["--set", "dataset.labels=target", "--set", "dataset.classes=3"]
    assert cli("data", "pack", "./maps", "-o", "packed", *labels).code == 0
    reader = open_reader(tmp_path / "packed")
    spec = reader.record.data_spec.target
    assert (spec.kind, spec.classes, spec.palette) == ("labels", 3, ((0, 0, 0), (9, 8, 7), (1, 2, 3)))
    place = reader.place(0)
    assert np.array_equal(reader.read(0)["target"], maps[int(place.shard.key(place.row))])


def test_the_source_of_training_is_the_source_of_the_shards(pairs, cli, tmp_path):
    assert cli("data", "pack", str(pairs), "-o", "turned", "--set", "data.direction=BtoA").code == 0
    stored = np.asarray(Image.open(pairs / "trainB" / "scan.0004.png"))
    assert np.array_equal(open_reader(tmp_path / "turned").read(4)["source"], stored)


def test_shards_are_as_large_as_asked(tmp_path):
    record, store = SetRecord(data_spec=DataSpec()), open_store(str(tmp_path))
    pixels = NUMBERS.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    with ShardWriter(store, record, shard_bytes=30_000) as writer:
        for index in range(10):
            writer.add("train", Pair(source=pixels, target=pixels, key=str(index)))
        shards = writer.close().shards["train"]
    assert sum(shards.values()) == 10
    assert len(shards) > 2
    assert all((tmp_path / name).stat().st_size < 45_000 for name in shards)
    reader = ShardReader(store, "train")
    assert [reader.place(i).shard.key(reader.place(i).row) for i in range(10)] == [str(i) for i in range(10)]


def test_groups_stay_together(tmp_path):
    record, store = SetRecord(data_spec=DataSpec()), open_store(str(tmp_path))
    with ShardWriter(store, record) as writer:
        for key in ("a-1", "a-2", "b-1"):
            writer.add("train", Pair(source=SIDES["colour"][1], target=SIDES["colour"][1], key=key), group=key[0])
        writer.close()
    index = ShardReader(store, "train").indexes[0]
    assert [index.group(row) for row in range(3)] == ["a", "a", "b"]


def test_packed_sets_never_mix(packed, pairs, cli):
    done = cli("data", "pack", str(pairs), "-o", str(packed))
    assert done.code == 2
    assert "holds shards" in done.err
    (packed / "shards.json").unlink()
    done = cli("data", "pack", str(pairs), "-o", str(packed))
    assert done.code == 2
    assert "a packing that did not end" in done.err


def test_unpaired_pictures_are_refused(cli):
    done = cli("data", "pack", "day2night", "-o", "packed")
    assert done.code == 2
    assert "'day2night' is not pairs" in done.err


def test_the_set_needs_a_path(cli):
    done = cli("run", "pix2pix", "--dataset", "shards")
    assert done.code == 2
    assert "data set 'shards' needs its path" in done.err
    assert "--dataset s3://BUCKET/SET" in done.err


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it leaves its files open
def test_webdataset_reads_the_shards_and_keeps_names_with_dots_apart(packed):
    webdataset = pytest.importorskip("webdataset")
    samples = [*webdataset.WebDataset(str(packed / "train-000000.tar"), shardshuffle=False)]
    assert [sample["__key__"] for sample in samples] == [f"scan%2E{i:04}" for i in range(20)]
    assert {"source.png", "target.png", "json"} <= {*samples[0]}
