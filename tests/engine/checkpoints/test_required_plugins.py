"""Which plugins a model's file names as needed, and what translate, resume and rerun say where they are missing."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imtrans.engine.checkpoints.model_file import read_metadata
from imtrans.engine.checkpoints.required_plugins import RequiredPlugin, required

LOSS = """
from dataclasses import dataclass
from imtrans import Component, hookimpl

@dataclass(frozen=True)
class Options:
    pass

@hookimpl
def imtrans_provide():
    return [Component(kind="loss", name="{name}", target="{name}_plugin:Loss", summary="own", options=Options)]

class Loss:
    def __call__(self, prediction, target):
        return (prediction - target).abs().mean()
"""
SETTINGS = (
    *("data.size=32", "generator.depth=3", "generator.width=4", "discriminator.width=4"),
    *("metrics=[]", "dataset.pairs=8", "data.batch_size=2", "reconstruction=mine"),
)
SMALL = ("--steps", "1", *(word for setting in SETTINGS for word in ("--set", setting)))


@pytest.fixture
def run(cli, tmp_path):
    """A run whose loss is of one plugin file, trained while a second one was loaded."""
    for name in ("mine", "other"):
        (tmp_path / f"{name}_plugin.py").write_text(LOSS.format(name=name))
    files = [word for name in ("mine", "other") for word in ("-p", str(tmp_path / f"{name}_plugin.py"))]
    done = cli(*files, "run", "pix2pix", "--name", "own", "--device", "cpu", *SMALL)
    assert done.code == 0, done.err
    return Path("runs/own")


@pytest.mark.slow
def test_only_the_plugin_of_a_chosen_component_is_needed_and_no_path_is_in_the_file(run, tmp_path):
    folder = next(run.glob("step-*"))
    assert required(read_metadata(folder)["plugins"]) == [RequiredPlugin("mine_plugin", "", "mine_plugin.py")]
    assert str(tmp_path).encode() not in (folder / "model.safetensors").read_bytes()
    recorded = json.loads((run / "plugins.json").read_text())
    assert required(recorded) == [RequiredPlugin("mine_plugin", "", str(tmp_path / "mine_plugin.py"))]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["translate", "resume", "rerun", "evaluate", "export"])
def test_each_command_that_needs_a_plugins_file_asks_for_it_with_p(command, run, cli):
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save("x.png")
    more = {"translate": ["x.png", "-o", "out"], "export": ["--to", "torch"]}
    found = cli(command, "own", *more.get(command, []))
    assert found.code == 4
    assert "no loss 'mine'" in found.err
    assert "imtrans -p PATH/mine_plugin.py" in found.err
    assert "pip install" not in found.err
    assert len(found.err.splitlines()) <= 3


@pytest.mark.slow
def test_resume_blames_the_command_line_for_its_own_faults(run, cli):
    found = cli("-p", "mine_plugin.py", "resume", "own", "--set", "generator.widht=3")
    assert found.code == 2
    assert "did you mean 'width'" in found.err
    assert "PATH" not in found.err


@pytest.mark.slow
def test_a_component_that_another_plugin_provides_now_is_warned_of(run, cli, tmp_path):
    (tmp_path / "third_plugin.py").write_text(LOSS.format(name="third").replace('name="third"', 'name="mine"'))
    told = cli("-p", "third_plugin.py", "resume", "own", "--steps", "2")
    assert told.code == 0, told.err
    where = "checkpoint runs/own/step-000001"
    assert f"Warning: {where}: loss mine was of mine_plugin and is of third_plugin now\n" in told.err
    assert told.err.count("is of third_plugin now") == 1


def test_all_strangers_plugins_of_an_earlier_record_are_needed():
    entries = {d: {"distribution": d, "version": "1", "target": "x"} for d in ("imtrans", "imtrans-b", "imtrans-a")}
    assert [p.name for p in required(entries)] == ["imtrans-a", "imtrans-b"]


def test_a_name_that_is_none_of_a_distribution_is_in_no_command():
    assert "pip" not in RequiredPlugin("x; rm -rf ~", "1").remedy
    assert RequiredPlugin("im-x", "1").remedy.endswith("python -m pip install im-x")


def test_an_installed_plugin_that_is_not_loaded_is_not_to_be_installed_again():
    assert "is installed, but not loaded" in RequiredPlugin("pytest", "1").remedy
