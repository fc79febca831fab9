"""The examples run as their first lines say."""

import runpy
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from small import job

from imtrans.engine import loop
from imtrans.kit.images import decode

EXAMPLES = Path(__file__).parents[1] / "examples"
SMALL = ["--steps", "1", "--set", "data.size=32", "--set", "generator.depth=3", "--set", "generator.width=2"]


def test_a_recipe_in_one_file_is_listed_and_trains(cli):
    file = str(EXAMPLES / "one_file_recipe.py")
    assert "mish-hinge" in cli("-p", file, "list", "recipes").out
    told = cli("-p", file, "run", "mish-hinge", "--dry-run").out
    assert 'generator.decoder_activation                ["mish"]' in told
    done = cli("-p", file, "run", "mish-hinge", *SMALL, "--set", "dataset.pairs=4", "--set", "metrics=l1")
    assert done.code == 0, done.err
    assert cli("run", "mish-hinge").code == 2


def test_a_folder_is_translated_from_python(tmp_path, monkeypatch, capsys):
    loop.fit(job(tmp_path / "run", {"train.steps": "1", "metrics": "[]"}))
    (tmp_path / "in").mkdir()
    Image.fromarray(np.zeros((9, 13, 3), np.uint8)).save(tmp_path / "in" / "a.png")
    script = str(EXAMPLES / "translate_a_folder.py")
    monkeypatch.setattr(sys, "argv", [script, *(str(tmp_path / n) for n in ("run", "in", "out"))])
    runpy.run_path(script, run_name="__main__")
    assert decode(tmp_path / "out" / "a.png").shape == (9, 13, 3)
    assert "a.png" in capsys.readouterr().out
