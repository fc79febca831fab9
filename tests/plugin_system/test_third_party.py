"""The example plugin as an installed distribution of somebody else's; nox -s wheel installs it for real."""

import json
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imtrans.kit.images import decode

EXAMPLE = Path(__file__).parents[2] / "examples" / "third_party_plugin"
SMALL = ["--steps", "2", "--set", "data.size=16", "--set", "dataset.pairs=4", "--set", "train.num_samples=1"]
NARROW = ["--set", "generator.width=4", "--set", "metrics=l1"]


@pytest.fixture
def installed(plugin_dist, monkeypatch):
    """A dist-info folder with the entry points of the example's pyproject, and its package on the path."""
    told = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    plugin_dist(told["name"], version=told["version"], points=told["entry-points"]["imtrans"])
    monkeypatch.syspath_prepend(str(EXAMPLE))
    yield told["name"]
    for module in [m for m in sys.modules if m.startswith("imtrans_example_resnet")]:
        del sys.modules[module]


def test_it_is_listed_trained_and_translates_without_a_line_changed(installed, cli, tmp_path):
    (mine,) = [c for c in json.loads(cli("list", "generators", "--json").out) if c["name"] == "example-resnet"]
    assert mine["distribution"] == installed
    assert mine["options"]["width"]["default"] == 32
    assert f"[{installed} 0.1.0]" in cli("list").out
    done = cli("run", "pix2pix", "--set", "generator=example-resnet", "--name", "theirs", *NARROW, *SMALL)
    assert done.code == 0, done.err
    Image.fromarray(np.zeros((17, 21, 3), np.uint8)).save(tmp_path / "x.png")
    done = cli("translate", "theirs", "x.png", "-o", "y.png")
    assert done.code == 0, done.err
    assert decode(tmp_path / "y.png").shape == (17, 21, 3)


def test_its_own_test_passes(installed):
    from imtrans.testing import check_generator

    check_generator("example-resnet", width=4, blocks=2)


def test_a_checkpoint_of_a_plugin_that_is_gone_names_what_to_install(installed, cli, tmp_path, monkeypatch):
    assert cli("run", "pix2pix", "--set", "generator=example-resnet", "--name", "theirs", *NARROW, *SMALL).code == 0
    monkeypatch.setenv("IMTRANS_DISABLE_PLUGINS", "1")
    done = cli("evaluate", "theirs")
    assert done.code == 4
    assert "no generator 'example-resnet'" in done.err
    assert f"python -m pip install {installed}" in done.err
    assert "Traceback" not in done.err
