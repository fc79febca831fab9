"""imtrans run --find-lr: what it prints and draws, that it leaves no run, and what it refuses."""

import csv
import json

import pytest
from factories import TINY
from PIL import Image


@pytest.fixture
def find(cli, pairs, monkeypatch, tmp_path):
    path = str(pairs(size=64))
    monkeypatch.chdir(tmp_path)
    return lambda *flags: cli("run", "pix2pix", "--dataset", path, *TINY, "--find-lr", "--steps", "20", *flags)


@pytest.mark.slow
def test_it_draws_a_curve_and_names_a_rate_or_says_why_not(find, tmp_path):
    outcome = find("--json", "--name", "try")
    assert outcome.code == 0, outcome.err
    record = json.loads(outcome.out)
    assert record["suggestion"] or record["reason"]
    assert len(record["points"]) <= 20
    assert record["terms"] == ["reconstruction"]
    with (tmp_path / record["table"]).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == pytest.approx([p["loss"] for p in record["points"]], rel=1e-5)
    with Image.open(tmp_path / "find-lr/try.png") as picture:
        assert len(picture.convert("RGB").getcolors(1_000_000)) > 3, "axes and a line of each colour"
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_without_a_loss_that_tells_it_says_so(find):
    outcome = find("--set", "reconstruction.weight=0")
    assert outcome.code == 0, outcome.err
    assert "No suggestion: the method logs none but adversarial losses" in outcome.out


@pytest.mark.parametrize("flags", [["--folds", "2"], ["--resume"], ["--devices", "2"]])
def test_it_goes_with_none_that_trains_a_model(find, flags):
    outcome = find(*flags)
    assert outcome.code == 2
    assert "--find-lr trains no model" in outcome.err
