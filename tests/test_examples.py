"""The examples run as their first lines say."""

import ast
import json
import re
import runpy
import shlex
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from factories import SMALL as SETTINGS
from factories import job
from PIL import Image

from imtrans.engine.training import trainer
from imtrans.kit.images import decode

EXAMPLES = Path(__file__).parents[1] / "examples"
SMALL = ["--steps", "1", "--set", "data.size=32", "--set", "generator.depth=3", "--set", "generator.width=2"]
TINY = ["--set", "dataset.pairs=8", "--set", "discriminator=patchgan16", "--set", "discriminator.width=2"]
TINY += ["--set", "train.num_samples=1", "--set", "metrics=l1"]


def cells(kind):
    book = json.loads((EXAMPLES / "quickstart.ipynb").read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == kind]


def shown(code, names):
    """Run a cell's Python; gives what its last line is, which a notebook shows."""
    *before, last = ast.parse(code).body
    if not isinstance(last, ast.Expr):
        before, last = [*before, last], None
    exec(compile(ast.Module(before, []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None


@pytest.mark.slow
def test_the_notebook_goes_from_nothing_to_an_evaluation(cli):
    """Every cell in order in one empty folder, as Jupyter does it, with one step on a small network."""
    names, sizes = {}, []
    small = {"run": [*SMALL, *TINY], "resume": [], "evaluate": ["--protocol", "aerial-map"]}
    for cell in cells("code"):
        cell = cell.replace('{"train.steps": 300}', repr(SETTINGS))
        lines = [line for line in cell.splitlines() if line.startswith("!")]
        for line in lines:
            program, verb, *arguments = shlex.split(line[1:])
            assert program == "imtrans"
            done = cli(verb, *arguments, *small.get(verb, []))
            assert done.code == 0, f"{line}\n{done.err}"
        picture = shown("\n".join(line for line in cell.splitlines() if line not in lines) or "None", names)
        if isinstance(picture, Image.Image):
            picture.load()  # as showing does; it closes the file
            sizes.append(picture.size)
    assert sizes[1:] == [(128, 2 * 64), (128, 64), (2 + 8 * 34, 3 * 36)]
    assert sizes[0][0] > 3 * 32, "the sample: three panels"


def test_the_notebook_keeps_no_outputs_and_its_texts_name_what_is_there(cli):
    book = json.loads((EXAMPLES / "quickstart.ipynb").read_text(encoding="utf-8"))
    assert all(c["outputs"] == [] and c["execution_count"] is None for c in book["cells"] if c["cell_type"] == "code")
    told = "\n".join(cells("markdown"))
    for verb, arguments in re.findall(r"`!imtrans (\w+)([^`]*)`", told):
        known = cli(verb, "--help")
        assert known.code == 0
        assert all(flag in known.out for flag in re.findall(r"--\w+", arguments))
    assert (EXAMPLES / "five_projects.md").exists()


def test_binder_installs_this_repository_with_the_tested_versions_and_without_cuda():
    """Both files lie where Binder looks; what they name is there, seen from where pip reads it."""
    folder = EXAMPLES.parent / ".binder"
    lines = [s for s in (folder / "requirements.txt").read_text().splitlines() if not s.startswith("#")]
    options = dict(line.split() for line in lines if line.startswith("-"))
    assert (folder / options["-c"]).resolve() == EXAMPLES.parent / "constraints.txt"
    assert options["--extra-index-url"].endswith("/whl/cpu")
    assert [line for line in lines if not line.startswith("-")] == ["."]
    project = tomllib.loads((EXAMPLES.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (folder / "runtime.txt").read_text().strip() == f"python-{project['requires-python'].removeprefix('>=')}"


@pytest.mark.slow
def test_a_recipe_in_one_file_is_listed_and_trains(cli):
    file = str(EXAMPLES / "one_file_recipe.py")
    assert "mish-hinge" in cli("-p", file, "list", "recipes").out
    told = cli("run", "mish-hinge", "-p", file, "--dry-run").out
    assert 'generator.decoder_activation                ["mish"]' in told
    done = cli("-p", file, "run", "mish-hinge", *SMALL, "--set", "dataset.pairs=8", "--set", "metrics=l1")
    assert done.code == 0, done.err
    assert cli("run", "mish-hinge").code == 2


def test_a_folder_is_translated_from_python(tmp_path, monkeypatch, capsys):
    trainer.fit(job(tmp_path / "run", {"train.steps": "1", "metrics": "[]"}))
    (tmp_path / "in").mkdir()
    Image.fromarray(np.zeros((9, 13, 3), np.uint8)).save(tmp_path / "in" / "a.png")
    script = str(EXAMPLES / "translate_a_folder.py")
    monkeypatch.setattr(sys, "argv", [script, *(str(tmp_path / n) for n in ("run", "in", "out"))])
    runpy.run_path(script, run_name="__main__")
    assert decode(tmp_path / "out" / "a.png").shape == (9, 13, 3)
    assert "a.png" in capsys.readouterr().out
