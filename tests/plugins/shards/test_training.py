"""Trained on shards, a network gets the weights that it gets from the folder; every sample comes once an epoch."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from factories import config
from plugins.shards.conftest import draw_pairs, open_reader
from safetensors.torch import load_file

from imtrans.engine.data.loader import loader
from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.data.sampler import EpochSampler
from imtrans.plugins.component import ComponentRef

SMALL = ["--set", "generator=unet64", "--set", "generator.depth=3", "--set", "generator.width=4", "--device", "cpu"]
SMALL += ["--set", "discriminator.width=4", "--set", "data.size=32", "--set", "metrics=l1", "--steps", "40"]
SMALL += ["--set", "train.num_samples=1", "--set", "data.batch_size=4", "--set", "train.save_every=10"]


def weights(folder):
    return {
        f"{kind}.{name}": tensor
        for kind in ("model", "optimizer")
        for name, tensor in load_file(folder / "step-000040" / f"{kind}.safetensors").items()
    }


def start(folder, *arguments):
    command = [sys.executable, "-m", "imtrans", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "IMTRANS_HOME": str(folder / "home")}
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    # A group of its own: loading processes outlive a main process that is killed, and would hold the pipe.
    return subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **streams)


def finish(process):
    _, told = process.communicate(timeout=200)
    assert process.returncode == 0, told.decode()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs SIGKILL")
def test_weights_are_bit_equal_with_0_and_2_workers_and_after_a_kill(tmp_path):
    draw_pairs(tmp_path / "pairs", train=2975, val=4, size=16)
    finish(start(tmp_path, "data", "pack", "pairs", "-o", "packed", "--shard-size", "1"))
    assert len(open_reader(tmp_path / "packed").indexes) > 3
    run = ["run", "pix2pix", *SMALL]
    finish(start(tmp_path, *run, "--dataset", "pairs", "--name", "folder", "--workers", "0"))
    for workers in ("0", "2"):
        finish(start(tmp_path, *run, "--dataset", "packed", "--name", f"workers{workers}", "--workers", workers))
    killed = start(
        tmp_path, *run, "--dataset", "packed", "--name", "killed", "--workers", "2", "--set", "data.cache=off"
    )
    while not (tmp_path / "runs" / "killed" / "step-000010").is_dir() and killed.poll() is None:
        time.sleep(0.05)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -9, "it ended before it was killed"
    finish(start(tmp_path, "resume", "killed"))
    expected = weights(tmp_path / "runs" / "folder")
    for name in ("workers0", "workers2", "killed"):
        assert all(torch.equal(expected[key], tensor) for key, tensor in weights(tmp_path / "runs" / name).items()), (
            name
        )


@pytest.fixture
def loading(tmp_path, cli):
    """70 pairs in shards of which each holds some, shuffled, 4 at a time."""
    draw_pairs(tmp_path / "pairs", train=70, size=8)
    assert cli("data", "pack", "pairs", "-o", "packed").code == 0
    chosen = config(
        {"data.size": "8", "data.cache": "off"}, dataset=ComponentRef("shards", {"path": str(tmp_path / "packed")})
    )
    return open_split(chosen, "train")


@pytest.mark.parametrize("stop", [1, 7, 17, 18])
@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_stopped_and_resumed_order_has_every_sample_once_an_epoch(stop, workers, loading):
    order = EpochSampler(count=70, batch_size=4, seed=5, steps=36)  # two epochs of 18 steps
    steps = [*order]
    rest = EpochSampler(count=70, batch_size=4, seed=5, steps=36 - stop, start=steps[stop - 1].after)
    keys = [
        key
        for part, count in ((steps[:stop], 0), ([*rest], workers))
        for batch in loader(loading, [step.indices for step in part], workers=count)
        for key in batch.keys
    ]
    expected = sorted(f"scan.{i:04}" for i in range(70))
    assert sorted(keys[:70]) == expected
    assert sorted(keys[70:]) == expected
    assert keys[:70] != keys[70:], "each epoch has an order of its own"


def test_shards_that_come_later_are_found_and_come_last(packed, tmp_path, cli):
    before = open_reader(packed)
    draw_pairs(tmp_path / "more", train=5, size=40)
    assert cli("data", "pack", "more", "-o", "more-shards").code == 0
    content = (tmp_path / "more-shards" / "train-000000.idx").read_bytes()
    from imtrans.kit.shards.index import ShardIndex

    index = ShardIndex.parse(content, "")
    (packed / "train-000007.idx").write_bytes(ShardIndex(**{**vars(index), "shard": "train-000007.tar"}).content())
    shutil.copy(tmp_path / "more-shards" / "train-000000.tar", packed / "train-000007.tar")
    after = open_reader(packed)
    assert (len(before), len(after)) == (20, 25)
    assert after.read(24)["source"].shape == (40, 40, 3)
    assert (after.read(3)["source"] == before.read(3)["source"]).all()
