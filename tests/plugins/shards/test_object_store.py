"""Shards in an object store (moto's server) feed a training; the store goes, and the run goes on when it is back."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from plugins.shards.conftest import draw_pairs, open_reader
from plugins.shards.wire import Wire
from safetensors.torch import load_file

from imtrans.kit.shards.index import ShardIndex
from imtrans.kit.stores import open_store

moto_server = pytest.importorskip("moto.server")
pytest.importorskip("s3fs")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of botocore, werkzeug, and connections left to the garbage collector
]


@pytest.fixture(scope="module")
def server():
    running = moto_server.ThreadedMotoServer(port=0, verbose=False)
    running.start()
    yield running._server.server_port
    running.stop()


@pytest.fixture
def wire(server, monkeypatch):
    """The way to the store; its environment is that of a user of S3."""
    with Wire(server) as wire:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{wire.port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        import s3fs

        files = s3fs.S3FileSystem(skip_instance_cache=True)
        if not files.exists("bucket"):
            files.mkdir("bucket")
        yield wire


@pytest.fixture
def stored(wire, cli, tmp_path):
    """A set that was packed into the store; each test has its own."""
    draw_pairs(tmp_path / "pairs", train=24)
    address = f"s3://bucket/{tmp_path.name}"
    done = cli("data", "pack", "pairs", "-o", address)
    assert done.code == 0, done.err
    return address


def test_a_set_that_was_packed_into_a_store_is_that_of_the_folder(stored, cli, tmp_path):
    assert cli("data", "pack", "pairs", "-o", "packed").code == 0
    local, remote = open_reader(tmp_path / "packed"), open_reader(stored)
    assert len(remote) == 24
    assert all(np.array_equal(local.read(i)["target"], remote.read(i)["target"]) for i in (0, 9, 23))
    again = cli("data", "pack", "pairs", "-o", stored)
    assert again.code == 2
    assert "holds shards" in again.err


def test_reading_100_bytes_fetches_no_more_than_64_kib(stored, wire):
    store = open_store(stored)
    store.read_range("train-000000.tar", 0, 100)  # connects
    # Of a file that is opened s3fs reads 50 MiB ahead, and again for each step back.
    for start in (100_000, 50_000, 0):
        before = wire.received
        assert len(store.read_range("train-000000.tar", start, start + 100)) == 100
        assert wire.received - before < 64 * 1024


def test_a_shard_that_comes_after_a_listing_is_found_and_one_that_goes_is_named(stored, cli, tmp_path):
    before = open_reader(stored)
    assert len(before) == 24
    store = before.store
    store.sizes()
    index, content = before.indexes[0], tmp_path / "content"
    for name, data in (
        ("train-000001.tar", store.read("train-000000.tar")),
        ("train-000001.idx", ShardIndex(**{**vars(index), "shard": "train-000001.tar"}).content()),
    ):
        content.write_bytes(data)
        # By another process, whose listing is not ours.
        code = "import s3fs, sys; s3fs.S3FileSystem().put_file(sys.argv[1], sys.argv[2])"
        subprocess.run([sys.executable, "-c", code, str(content), f"{stored}/{name}"], check=True)
    assert "train-000001.idx" in store.sizes()
    assert len(open_reader(stored)) == 48
    subprocess.run(
        [sys.executable, "-c", "import s3fs, sys; s3fs.S3FileSystem().rm(sys.argv[1])", f"{stored}/train-000001.tar"],
        check=True,
    )
    check = cli("data", "check", stored)
    assert check.code == 3
    assert "train-000001.tar: the shard is missing, with 24" in " ".join(check.out.split())


SMALL = ["--set", "generator=unet64", "--set", "generator.depth=3", "--set", "generator.width=4", "--device", "cpu"]
SMALL += ["--set", "discriminator.width=4", "--set", "data.size=32", "--set", "metrics=l1", "--steps", "300"]
SMALL += ["--set", "train.num_samples=1", "--set", "train.save_every=10", "--set", "train.evaluate_every=300"]
# Every picture comes from the store, in every epoch.
SMALL += ["--set", "data.cache=off", "--set", "dataset.cache=0", "--set", "dataset.tries=3", "--workers", "2"]


def test_a_training_ends_with_a_message_when_its_store_goes_and_goes_on_when_it_is_back(stored, wire, tmp_path):
    def start(*arguments):
        command = [sys.executable, "-m", "imtrans", *arguments]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "IMTRANS_HOME": str(tmp_path / "home")}
        return subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    run = ["run", "pix2pix", "--dataset", stored, *SMALL]
    whole = start(*run, "--name", "whole")
    assert whole.wait(250) == 0, whole.stderr.read().decode()
    cut = start(*run, "--name", "cut")
    while not [*(tmp_path / "runs" / "cut").glob("step-*")] and cut.poll() is None:
        time.sleep(0.05)
    wire.cut()
    told = cut.communicate(timeout=200)[1].decode()
    assert cut.returncode == 6, told
    assert "trying again in 1 s" in told
    assert "trying again in 2 s" in told
    assert "no answer after 3 tries" in told
    assert "imtrans resume" in told
    assert "Traceback" not in told
    wire.connect()
    resumed = start("resume", "cut")
    assert resumed.wait(250) == 0, resumed.stderr.read().decode()
    expected, found = (load_file(tmp_path / "runs" / n / "step-000300" / "model.safetensors") for n in ("whole", "cut"))
    assert all(torch.equal(expected[key], tensor) for key, tensor in found.items())
