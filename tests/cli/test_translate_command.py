"""imtrans translate: what is done, refused and listed."""

import json
import shutil

import numpy as np
import pytest
from factories import job
from PIL import Image

from imtrans.engine.training import trainer
from imtrans.kit.images import decode


@pytest.fixture
def run(tmp_path):
    made = job(tmp_path / "runs" / "mine", {"train.steps": "1", "metrics": "[]", "train.num_samples": "1"})
    trainer.fit(made)
    return "mine"


def picture(path, size=(9, 7)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size[1], size[0], 3), 90, np.uint8)).save(path)


def test_folders_keep_their_tree_and_sizes(run, cli, tmp_path):
    picture(tmp_path / "in" / "a.jpg")
    picture(tmp_path / "in" / "deep" / "b.png", size=(40, 33))
    done = cli("translate", run, "in", "-o", "out")
    assert (done.code, done.out.strip()) == (0, "2 of 2 pictures translated to out")
    assert decode(tmp_path / "out" / "a.png").shape == (7, 9, 3)
    assert decode(tmp_path / "out" / "deep" / "b.png").shape == (33, 40, 3)


@pytest.mark.slow
def test_broken_pictures_are_listed_and_the_others_done(run, cli, tmp_path):
    picture(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.png").write_bytes(b"no picture")
    (tmp_path / "in" / "c.png").write_bytes(b"")
    done = cli("translate", run, "in", "-o", "out")
    assert done.code == 3
    assert done.out.strip() == "1 of 3 pictures translated to out"
    assert "b.png: not a picture" in done.err
    assert "c.png: the file is empty" in done.err
    assert (tmp_path / "out" / "a.png").exists()


@pytest.mark.slow
def test_an_input_is_never_overwritten_unasked(run, cli, tmp_path):
    picture(tmp_path / "in" / "a.png")
    before = (tmp_path / "in" / "a.png").read_bytes()
    done = cli("translate", run, "in", "-o", "in")
    assert done.code == 2
    assert "is an input" in done.err
    assert "--overwrite" in done.err
    assert (tmp_path / "in" / "a.png").read_bytes() == before


@pytest.mark.slow
def test_two_inputs_of_one_output_name_are_named_before_any_work(run, cli, tmp_path):
    picture(tmp_path / "in" / "a.png")
    picture(tmp_path / "in" / "a.jpg")
    done = cli("translate", run, "in", "-o", "out")
    assert done.code == 2
    assert "would both become" in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_outputs_that_exist_are_kept_unless_asked(run, cli, tmp_path):
    picture(tmp_path / "a.png")
    assert cli("translate", run, "a.png", "-o", "b.png").code == 0
    assert cli("translate", run, "a.png", "-o", "b.png").code == 2
    assert cli("translate", run, "a.png", "-o", "b.png", "--overwrite").code == 0


@pytest.mark.slow
def test_missing_pictures_and_empty_folders_are_said(run, cli, tmp_path):
    assert "no such file or folder" in cli("translate", run, "nothing.png", "-o", "out").err
    (tmp_path / "empty").mkdir()
    done = cli("translate", run, "empty", "-o", "out")
    assert done.code == 3
    assert "0 pictures in empty" in done.err


@pytest.mark.slow
def test_a_model_sent_alone_translates_is_evaluated_and_is_begun_with(run, cli, tmp_path):
    """Nothing is left of the run but one file, under a name of its own."""
    shutil.copy(tmp_path / "runs" / run / "step-000001" / "model.safetensors", tmp_path / "mine.safetensors")
    shutil.rmtree(tmp_path / "runs")
    picture(tmp_path / "a.png")
    assert cli("translate", "mine.safetensors", "a.png", "-o", "b.png").code == 0
    assert decode(tmp_path / "b.png").shape == (7, 9, 3)
    told = json.loads(cli("evaluate", "mine.safetensors", "--protocol", "aerial-map", "--json").out)
    assert told["checkpoint"] == "mine.safetensors"
    assert told["table"].endswith("mine.csv")
    assert (tmp_path / told["table"]).parent.parent == tmp_path / "evaluation"
    small = ["--set", "data.size=32", "--set", "generator.depth=3", "--set", "generator.width=4", "--set", "metrics=[]"]
    small += ["--set", "discriminator=patchgan16", "--set", "discriminator.width=4", "--set", "train.num_samples=1"]
    done = cli("run", "pix2pix", "--steps", "1", "--set", "dataset.pairs=8", *small, "--init", "mine.safetensors")
    assert done.code == 0, done.err
    assert "began with mine.safetensors" in done.out + done.err


@pytest.mark.slow
def test_a_run_and_evaluate_speak_json(run, cli):
    told = json.loads(cli("evaluate", run, "--protocol", "aerial-map", "--json").out)
    assert told["pictures"] == 64
    assert told["numbers"]["rmse"]["value"] > 0
    small = ["--set", "data.size=16", "--set", "generator.depth=3", "--set", "generator.width=2", "--set", "metrics=l1"]
    done = cli("run", "pix2pix", "--steps", "1", "--json", "--set", "dataset.pairs=8", *small)
    result = json.loads(done.out)
    assert result["step"] == 1
    assert result["metrics"].keys() == result["mean_image"].keys() == {"l1"}
