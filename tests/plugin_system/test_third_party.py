"""The example plugin as an installed distribution of somebody else's; nox -s wheel installs it for real."""

import json
import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from imtrans.interfaces import DatasetContext
from imtrans.kit.images import decode
from imtrans.testing import check_dataset, check_metric, plugin_file

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "third_party_plugin"
SMALL = ["--steps", "2", "--set", "data.size=16", "--set", "dataset.pairs=8", "--set", "train.num_samples=1"]
DECLARED = [("Squares", "squares", check_dataset), ("LargestError", "largest-error", check_metric)]
NO_INFO = """
from imtrans import Component, hookimpl
from imtrans.kit.bases import BaseMetric

class Worst(BaseMetric):
    names = ["worst"]

    def compute(self, prediction, batch):
        return (prediction - batch.target).abs().flatten(1).amax(1)

@hookimpl
def imtrans_provide():
    yield Component(kind="metric", name="worst", target="mine:Worst", summary="the worst pixel")
"""
SHALLOW = ["--set", "generator.depth=3", "--set", "discriminator.width=2"]
NARROW = ["--set", "generator.width=4", "--set", "metrics=l1"]


@pytest.fixture
def installed(plugin_dist, monkeypatch):
    """A dist-info folder with the entry points of the example's pyproject, and its package on the path."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    plugin_dist(project["name"], version=project["version"], points=project["entry-points"]["imtrans"])
    monkeypatch.syspath_prepend(str(EXAMPLE))
    yield project["name"]
    for module in [m for m in sys.modules if m.startswith("imtrans_example_resnet")]:
        del sys.modules[module]


@pytest.mark.slow
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


@pytest.mark.slow
def test_its_own_test_passes(installed):
    from imtrans.testing import check_generator

    check_generator("example-resnet", width=4, blocks=2)


@pytest.mark.slow
def test_the_python_code_of_the_docs_runs(installed):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "plugins.md").read_text("utf-8"), re.DOTALL)
    names = {"__name__": "docs"}
    for block in blocks:
        exec(block, names)
    tests = [thing for name, thing in names.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()
    assert names["image"].shape == (1, 3, 64, 64)
    squares = names["Squares"](context=DatasetContext(make=None, split="val"))
    assert (len(squares), squares[3].target.max(), squares.files(0)) == (20, 252, ())
    assert [issue.code for issue in squares.check(0, squares[0])] == ["black"]
    assert names["LargestError"]().aggregate(torch.tensor([1.0, 3.0])) == {"largest-error": 2.0}


@pytest.mark.slow
@pytest.mark.parametrize(("attribute", "name", "check"), DECLARED)
def test_what_the_docs_declare_keeps_its_contract(attribute, name, check, tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "plugins.md").read_text("utf-8"), re.DOTALL)
    [block] = [b for b in blocks if f"class {attribute}(" in b]
    file = tmp_path / f"docs_{attribute.lower()}.py"
    file.write_text(re.sub(r'target="[\w.]+:', f'target="{file.stem}:', block))
    monkeypatch.syspath_prepend(str(tmp_path))
    with plugin_file(file):
        check(name)


@pytest.mark.slow
def test_a_metric_that_says_nothing_of_itself_is_explained_in_the_report(cli, tmp_path):
    (tmp_path / "mine.py").write_text(NO_INFO)
    done = cli("-p", "mine.py", "run", "pix2pix", "--name", "own", *NARROW, "--set", "metrics+=worst", *SMALL, *SHALLOW)
    assert (done.code, "Warning" in done.err) == (0, False), done.err
    columns = {line.index("(the mean") for line in done.out.splitlines() if "(the mean training image" in line}
    assert len(columns) == 1, done.out
    assert "the worst pixel; lower is better" in (tmp_path / "runs/own/report.html").read_text("utf-8")


@pytest.mark.slow
def test_a_checkpoint_of_a_plugin_that_is_left_out_names_it(installed, cli, tmp_path, monkeypatch):
    assert cli("run", "pix2pix", "--set", "generator=example-resnet", "--name", "theirs", *NARROW, *SMALL).code == 0
    monkeypatch.setenv("IMTRANS_DISABLE_PLUGINS", "1")
    done = cli("evaluate", "theirs")
    assert done.code == 4
    assert "no generator 'example-resnet'" in done.err
    assert f"It needs the plugin {installed} 0.1.0; 0.1.0 is installed, but not loaded" in done.err
    assert "IMTRANS_DISABLE_PLUGINS" in done.err
    assert "Traceback" not in done.err
