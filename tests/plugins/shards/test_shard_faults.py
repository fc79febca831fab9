"""Shards that are truncated, altered or missing, and indexes of a million samples."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from plugins.shards.conftest import draw_pairs, open_reader

from imtrans.errors import DataError
from imtrans.kit.shards.index import ShardIndex, packed_texts

SHARD, INDEX = "train-000000.tar", "train-000000.idx"
FIRST = 1024  # a byte of the first sample's source: 512 of its header come before


def truncate(packed):
    os.truncate(packed / SHARD, 30_000)


def alter(packed):
    with (packed / SHARD).open("r+b") as file:
        file.seek(FIRST)
        file.write(b"imtrans")


def remove(packed):
    (packed / SHARD).unlink()


def remove_index(packed):
    (packed / INDEX).unlink()


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (truncate, "has 30,000 bytes, not "),
        (alter, "sample 'scan.0000' is not as it was written"),
        (remove, "the shard is missing, with 20 samples"),
        (remove_index, "the index is missing"),
    ],
)
def test_a_shard_that_is_not_whole_is_named_by_a_run_and_by_data_check(harm, why, packed, cli):
    harm(packed)
    small = ["--set", "generator=unet64", "--set", "generator.depth=3", "--set", "data.size=32", "--steps", "2"]
    run = cli("run", "pix2pix", "--dataset", str(packed), "--set", "data.batch_size=20", *small)
    check = cli("data", "check", str(packed))
    for done in (run, check):
        assert done.code == 3
        text = done.err + done.out
        assert why in " ".join(text.split()).replace(f"{packed}/", "")
        assert "train-000000" in text


@pytest.mark.slow
@pytest.mark.parametrize("harm", [truncate, alter, remove])
def test_the_rest_of_a_set_is_trained_on_where_faults_may_be_skipped(harm, cli, tmp_path):
    draw_pairs(tmp_path / "pairs", train=30)
    assert cli("data", "pack", "pairs", "-o", "packed").code == 0
    record = json.loads((tmp_path / "packed" / "shards.json").read_text())
    # A second shard, as another process would add it.
    for kind in ("tar", "idx"):
        os.link(tmp_path / "packed" / f"train-000000.{kind}", tmp_path / "packed" / f"train-000001.{kind}")
    index = ShardIndex.parse((tmp_path / "packed" / INDEX).read_bytes(), "")
    keys, key_ends = packed_texts([f"new-{row}" for row in range(len(index))])
    renamed = ShardIndex(**{**vars(index), "shard": "train-000001.tar", "keys": keys, "key_ends": key_ends})
    (tmp_path / "packed" / "train-000001.idx").unlink()
    (tmp_path / "packed" / "train-000001.idx").write_bytes(renamed.content())
    (tmp_path / "packed" / "train-000001.tar").unlink()
    (tmp_path / "packed" / "train-000001.tar").write_bytes((tmp_path / "packed" / SHARD).read_bytes())
    assert record["shards"]["train"] == {SHARD: 30}
    harm(tmp_path / "packed")
    small = ["--set", "generator=unet64", "--set", "generator.depth=3", "--set", "data.size=32", "--steps", "2"]
    done = cli("run", "pix2pix", "--dataset", "packed", "--skip-invalid", "--set", "metrics=l1", *small)
    assert done.code == 0, done.err
    skipped = next((tmp_path / "runs").iterdir()) / "skipped.jsonl"
    assert "train-000000" in skipped.read_text()


@pytest.mark.parametrize("end", [40, -1])
def test_an_index_that_was_cut_off_is_named(end, packed):
    content = (packed / INDEX).read_bytes()
    (packed / INDEX).write_bytes(content[:end])
    with pytest.raises(DataError, match=rf"{INDEX}: is no index of a shard, or was altered or cut off"):
        open_reader(packed)


def test_a_folder_without_shards_and_a_later_format_are_named(packed, tmp_path):
    with pytest.raises(DataError, match=r"shards\.json: No such file"):
        open_reader(tmp_path)
    tree = json.loads((packed / "shards.json").read_text())
    (packed / "shards.json").write_text(json.dumps({**tree, "format": 9}))
    with pytest.raises(DataError, match=r"shards of format 9; this imtrans reads 1"):
        open_reader(packed)
    (packed / "shards.json").write_text("{}")
    with pytest.raises(DataError, match="is no description of shards"):
        open_reader(packed)


MEASURE = """
import sys, time
from imtrans.kit.shards import ShardReader
from imtrans.kit.stores import open_store
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
before, began = resident(), time.perf_counter()
reader = ShardReader(open_store(sys.argv[1]), "train")
took = time.perf_counter() - began
place = reader.place(len(reader) - 1)
assert place.shard.key(place.row).endswith("999")
print(len(reader), took, resident() - before, "torch" in sys.modules)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measures by /proc")
def test_a_million_samples_open_in_under_two_seconds_and_200_mb(packed):
    count, shards = 1000, 1000
    numbers = np.arange(count * 2, dtype=np.uint64).reshape(count, 2)
    for shard in range(shards):
        keys, ends = packed_texts([f"street/{shard:04}-{row:03}" for row in range(count)])
        zeros = np.zeros_like(numbers)
        facts = {"shard": f"train-{shard:06}.tar", "size": 0, "sides": ["source", "target"], "kinds": [".png"]}
        places = {"offset": numbers * 4096, "length": numbers, "checksum": numbers, "kind": zeros, "cut": zeros}
        index = ShardIndex(**facts, **places, keys=keys, key_ends=ends)
        (packed / f"train-{shard:06}.idx").write_bytes(index.content())
        (packed / f"train-{shard:06}.tar").write_bytes(b"")
    command = [sys.executable, "-c", MEASURE, str(packed)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    samples, seconds, megabytes = map(float, done.stdout.split()[:3])
    print(done.stdout)
    assert samples == count * shards
    assert seconds < 2
    assert megabytes < 200
