"""A run folder and a checkpoint as written before options were renamed (formats 1 and 2) still load."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import imtrans
from imtrans.config import io as config_io
from imtrans.config.resolve import restore
from imtrans.engine.checkpoints import io as checkpoints_io

EARLIER = Path(__file__).parents[2] / "data" / "run-format-1"
TODAY = {
    "method.discriminator_updates": "separate",
    "generator.pre_activation": True,
    "adversarial.hinge.generator_margin": True,
    "data.skip_invalid": True,
    "train.clip_grad_norm": 1.0,
    "train.grad_accum_steps": 1,
    "train.keep_last": 1,
    "train.best_metric": "psnr",
    "train.early_stopping_patience": 3,
    "train.num_samples": 1,
}


@pytest.fixture
def earlier(tmp_path):
    """A copy that may be written in, at runs/before of the current folder."""
    return Path(shutil.copytree(EARLIER, tmp_path / "runs" / "before"))


@pytest.mark.parametrize("source", ["checkpoint", "config.toml"])
def test_every_option_has_its_name_of_today_and_its_value(source, catalog):
    step = EARLIER / "step-000004"
    tree = checkpoints_io.read_metadata(step)["config"] if source == "checkpoint" else config_io.read(EARLIER / source)
    rows = {key: value for key, value, _ in restore(catalog, tree, origin=source).rows()}
    assert {key: rows[key] for key in TODAY} == TODAY


def test_it_translates(earlier):
    picture = np.zeros((16, 16, 3), np.uint8)
    assert imtrans.load(earlier).translate(picture).shape == (16, 16, 3)


def test_a_model_file_copied_alone_translates(earlier, tmp_path):
    shutil.copy(earlier / "step-000004" / "model.safetensors", tmp_path / "mine.safetensors")
    assert imtrans.load(tmp_path / "mine.safetensors").translate(np.zeros((16, 16, 3), np.uint8)).shape == (16, 16, 3)


@pytest.mark.slow
def test_it_is_resumed_and_writes_the_names_of_today(earlier, cli):
    done = cli("resume", "before", "--steps", "6", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["step"] == 6
    assert "clip_grad_norm = 1.0" in (earlier / "config.toml").read_text()
    assert "not the same run" not in done.err


@pytest.mark.slow
def test_it_is_compared_and_evaluated(earlier, cli):
    assert cli("compare", "before").code == 0
    assert cli("evaluate", "before", "--protocol", "own", "--json").code == 0


def test_a_former_name_on_the_command_line_works_and_is_warned_of(cli):
    """A config.toml of an earlier run may be given as --config, and commands stand in people's notes."""
    done = cli("run", "pix2pix", "--set", "train.clip=1", "--set", "generator.wiring=post", "--dry-run")
    assert done.code == 0
    assert re.search(r"^train\.clip_grad_norm +1\.0 +flag$", done.out, re.MULTILINE)
    assert re.search(r"^generator\.pre_activation +false +flag$", done.out, re.MULTILINE)
    assert "Warning: --set train.clip: the option is now called 'clip_grad_norm'" in done.err
