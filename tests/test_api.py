"""The Python interface: train, read a run, translate on another device or type, evaluate."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from factories import SMALL

import imtrans
from imtrans.errors import CheckpointError, ConfigError, ImtransWarning

SETTINGS = {**SMALL, "train.steps": 4, "train.evaluate_every": 2, "train.device": "cpu", "metrics": "l1"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("api"))
        made = imtrans.train("pix2pix", settings=SETTINGS, name="first")
        made.folder = made.folder.absolute()
        yield made


def test_a_run_is_read_without_parsing_its_files(run):
    assert (run.step, run.record["status"], run.config["generator"]["width"]) == (4, "finished", 4)
    assert list(run.metrics()["l1"].steps) == [2, 4]
    assert all(0 < value < 2 for value in run.metrics()["l1"].values)
    assert "loss" in " ".join(run.metrics("train")) or run.metrics("train")
    assert run.samples
    assert run.checkpoints
    assert repr(run).endswith("finished, step 4)")
    assert imtrans.Run(str(run.folder)).folder == run.folder
    with pytest.raises(CheckpointError, match="nowhere: is no run"):
        imtrans.Run("nowhere")


def test_what_was_trained_translates_also_in_half_precision(run):
    model = run.load(device="cpu")
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    whole = model.translate(picture)
    assert whole.shape == picture.shape
    assert np.array_equal(model.to("cpu").translate(picture), whole)
    halved = imtrans.load(run.folder, device="cpu").half().translate(picture)
    assert halved.dtype == np.uint8
    assert np.abs(halved.astype(int) - whole).max() <= 8


def test_a_precision_is_known_and_folding_told(run):
    with pytest.raises(ConfigError, match="precision 'fp8': must be one of float32, bf16"):
        imtrans.load(run.folder, device="cpu", precision="fp8")
    with pytest.warns(ImtransWarning, match="nothing is folded"):
        imtrans.load(run.folder, device="cpu", settings={"inference.norm": "batch"}, is_fast=True)


def test_threads_may_share_a_model(run):
    model = run.load(device="cpu")
    pictures = [np.full((32, 32, 3), 30 * i, np.uint8) for i in range(6)]
    alone = [model.translate(picture, seed=i) for i, picture in enumerate(pictures)]
    results = [None] * len(pictures)

    def work(i):
        results[i] = model.translate(pictures[i], seed=i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(pictures))]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert all(np.array_equal(a, b) for a, b in zip(alone, results, strict=True))


@pytest.mark.slow
def test_an_evaluation_is_a_record(run):
    record = imtrans.evaluate(run.folder, device="cpu")
    assert record["numbers"]["l1"]["value"] > 0
    assert record["split"] == "val"


def test_faults_are_those_of_the_command_line(run):
    with pytest.raises(ConfigError, match=r"generator\.widht"):
        imtrans.train("pix2pix", settings={"generator.widht": 4})
    with pytest.raises(ConfigError, match="exists"):
        imtrans.train("pix2pix", settings=SETTINGS, name="first")


def test_a_notebook_completes_the_names():
    assert {"load", "train", "evaluate", "Component"} <= {*dir(imtrans)}


def test_the_names_are_there_before_torch_is():
    names = "imtrans.load, imtrans.train, imtrans.evaluate, imtrans.Run"
    code = f"import sys, imtrans; {names}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
