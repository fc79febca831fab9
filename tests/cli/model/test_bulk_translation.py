"""imtrans translate over shards, addresses and lists, in parts, with a record of what is done."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from factories import job
from plugins.shards.conftest import draw_pairs
from plugins.shards.range_server import RangeServer

from imtrans.engine.training.trainer import fit
from imtrans.kit.images import decode

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
COUNT = 12


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "run"
    fit(job(folder, {"train.steps": "1"}))
    return str(folder)


@pytest.fixture
def pairs(tmp_path):
    return draw_pairs(tmp_path / "pairs", train=COUNT)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_shards_are_translated_as_their_files_are(model, pairs, cli, tmp_path):
    assert cli("data", "pack", "pairs", "-o", "packed").code == 0
    done = cli("translate", model, "packed", "-o", "out")
    assert done.code == 0, done.err
    assert cli("translate", model, "pairs/trainA", "-o", "files").code == 0
    names = sorted(path.name for path in (tmp_path / "out" / "train").iterdir())
    assert names == [f"scan.{i:04}.png" for i in range(COUNT)], "a dot in a key is no suffix"
    assert len([*(tmp_path / "out" / "val").iterdir()]) == 3
    for name in names:
        assert np.array_equal(decode(tmp_path / "out" / "train" / name), decode(tmp_path / "files" / name))
    record = lines(tmp_path / "out" / "manifest.jsonl")
    assert len(record) == COUNT + 3
    assert {entry["status"] for entry in record} == {"done"}
    assert "Manifest: out/manifest.jsonl: 15 done, 0 failed" in done.err


def test_parts_are_disjoint_and_whole_and_stay_when_pictures_are_added(model, pairs, cli, tmp_path):
    held = {}
    for number in (1, 2, 3):
        done = cli("translate", model, "pairs/trainA", "-o", "out", "--part", f"{number}/3")
        assert done.code == 0, done.err
        record = lines(tmp_path / "out" / f"manifest-{number}-of-3.jsonl")
        held[number] = {entry["source"] for entry in record}
    assert sum(map(len, held.values())) == COUNT
    assert len(set().union(*held.values())) == COUNT
    assert all(held.values())
    draw_pairs(tmp_path / "pairs", train=COUNT + 5)
    done = cli("translate", model, "pairs/trainA", "-o", "out", "--part", "2/3", "--continue")
    assert done.code == 0, done.err
    after = {entry["source"] for entry in lines(tmp_path / "out" / "manifest-2-of-3.jsonl")}
    assert after >= held[2]
    assert not after & (held[1] | held[3])


def test_torchruns_processes_take_a_part_each(model, pairs, cli, tmp_path, monkeypatch):
    for rank in (0, 1):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("WORLD_SIZE", "2")
        assert cli("translate", model, "pairs/trainA", "-o", "out").code == 0
    assert len([*(tmp_path / "out").glob("*.png")]) == COUNT
    assert {path.name for path in (tmp_path / "out").glob("*.jsonl")} == {
        "manifest-1-of-2.jsonl",
        "manifest-2-of-2.jsonl",
    }


@pytest.mark.parametrize("part", ["0/3", "4/3", "x", "1", "-1/2"])
def test_a_part_that_is_none_is_named(part, model, pairs, cli):
    done = cli("translate", model, "pairs/trainA", "-o", "out", f"--part={part}")
    assert done.code == 2
    assert f"--part {part!r}: must be I/N, I from 1 to N" in done.err


def test_failures_are_recorded_and_tried_again(model, pairs, cli, tmp_path):
    broken = tmp_path / "pairs" / "trainA" / "scan.0003.png"
    content = broken.read_bytes()
    broken.write_bytes(b"words")
    done = cli("translate", model, "pairs/trainA", "-o", "out", "--manifest", "record.jsonl")
    assert done.code == 3
    failed = [entry for entry in lines(tmp_path / "record.jsonl") if entry["status"] == "failed"]
    assert [entry["source"] for entry in failed] == ["pairs/trainA/scan.0003.png"]
    assert "not a picture" in failed[0]["error"]
    broken.write_bytes(content)
    done = cli("translate", model, "pairs/trainA", "-o", "out", "--manifest", "record.jsonl", "--continue")
    assert done.code == 0
    assert "11 were there already" in done.err
    record = lines(tmp_path / "record.jsonl")
    assert len(record) == COUNT
    assert {entry["status"] for entry in record} == {"done"}
    assert record[0] == {"source": "pairs/trainA/scan.0000.png", "status": "done", "outputs": ["out/scan.0000.png"]}


def test_addresses_and_lists_of_them(model, pairs, cli, tmp_path):
    with RangeServer(pairs) as server:
        one = cli("translate", model, f"{server.address}/trainA/scan.0001.png", "-o", "one.png")
        assert one.code == 0, one.err
        rows = [f"{server.address}/trainA/scan.000{i}.png" for i in (1, 2)]
        rows += ["pairs/trainA/scan.0005.png", f"{server.address}/trainA/missing.png"]
        (tmp_path / "list.txt").write_text("\n".join(rows) + "\n\n")
        many = cli("translate", model, "list.txt", "-o", "out")
        unlisted = cli("translate", model, server.address, "-o", "other")
    assert many.code == 3
    assert "missing.png: is not there" in many.err
    assert "3 of 4 pictures translated" in many.out
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")) == [
        "pairs/trainA/scan.0005.png",
        "trainA/scan.0001.png",
        "trainA/scan.0002.png",
    ]
    assert np.array_equal(decode(tmp_path / "one.png"), decode(tmp_path / "out" / "trainA" / "scan.0001.png"))
    assert unlisted.code == 3
    assert "a web server cannot be listed" in unlisted.err


@pytest.mark.slow
def test_shards_on_a_web_server(model, pairs, cli, tmp_path):
    assert cli("data", "pack", "pairs", "-o", "packed").code == 0
    with RangeServer(tmp_path / "packed") as server:
        done = cli("translate", model, server.address, "-o", "out")
    assert done.code == 0, done.err
    assert len([*(tmp_path / "out").rglob("*.png")]) == COUNT + 3


def test_a_list_that_names_nothing(model, cli, tmp_path):
    (tmp_path / "list.txt").write_text("gone.png\n")
    done = cli("translate", model, "list.txt", "-o", "out")
    assert done.code == 3
    assert "list.txt: gone.png: no such file" in done.err


@pytest.mark.parametrize("name", ["../../up", "/etc/x", "a/../../b", "c\\d", "nul\0"])
def test_names_in_stores_cannot_leave_the_output_folder(name, tmp_path):
    from imtrans.cli.model.stored_inputs import safe_name

    path = (tmp_path / safe_name(name, ".png")).resolve()
    assert path.is_relative_to(tmp_path.resolve())
    assert path.suffix == ".png"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs SIGKILL")
def test_a_killed_translation_goes_on_and_gives_what_an_undisturbed_one_gives(model, cli, tmp_path):
    draw_pairs(tmp_path / "pairs", train=300)
    assert cli("data", "pack", "pairs", "-o", "packed").code == 0
    assert cli("translate", model, "packed", "-o", "whole").code == 0
    command = [sys.executable, "-m", "imtrans", "translate", model, "packed", "-o", "out", "--tile", "32"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    record = tmp_path / "out" / "manifest.jsonl"
    while process.poll() is None and (not record.is_file() or len(record.read_bytes().splitlines()) < 20):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -9, "it ended before it was killed"
    before = len([*(tmp_path / "out").rglob("scan*.png")])
    assert 20 <= before < 303
    done = cli("translate", model, "packed", "-o", "out", "--tile", "32", "--continue")
    assert done.code == 0, done.err
    entries = lines(record)
    assert len({entry["source"] for entry in entries}) == len(entries) == 303
    assert {entry["status"] for entry in entries} == {"done"}
    names = {path.name for path in (tmp_path / "out" / "train").iterdir()}
    assert names == {path.name for path in (tmp_path / "whole" / "train").iterdir()}
