"""`imtrans run --folds`: all parts are trained once, and their mean is measured on pictures that none has seen."""

import json
from pathlib import Path

import pytest
from factories import TINY, pairs

from imtrans.engine.runs import run_dir


@pytest.fixture
def line(tmp_path):
    data = pairs(tmp_path / "pairs", train=6, val=2).options["path"]
    return ["run", "pix2pix", "--dataset", data, *TINY, "--folds", "3"]


@pytest.mark.slow
def test_three_folds_become_one_model_with_maps_of_its_uncertainty(cli, line, tmp_path):
    done = cli(*line, "--name", "cv", "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert [run["run"] for run in result["folds"]] == [f"runs/cv-fold{n}" for n in (1, 2, 3)]
    assert all(0 < run["metrics"]["l1"] < 1 for run in result["folds"])
    assert (result["run"], result["evaluation"]["pictures"]) == ("runs/cv", 2)  # those of val/, which no fold had
    shown = cli("translate", "cv", str(tmp_path / "pairs" / "val"), "-o", "out", "--uncertainty")
    assert (shown.code, "2 of 2 pictures translated to out, with 2 maps of uncertainty" in shown.out) == (0, True)
    assert "% of the range in the mean; most: " in shown.out
    assert sorted(p.name for p in Path("out").iterdir()) == ["0-uncertainty.png", "0.png", "1-uncertainty.png", "1.png"]
    resumed = cli("resume", "cv")
    assert (resumed.code, "is the mean of others" in resumed.err) == (4, True)
    alone = cli("translate", "cv-fold1", str(tmp_path / "pairs" / "val"), "-o", "out2", "--uncertainty")
    assert (alone.code, "no ensemble" in alone.err) == (2, True)


@pytest.mark.slow
def test_what_is_finished_stays_and_the_rest_goes_on(cli, line):
    assert cli(*[a for a in line if a not in ("--folds", "3")], *FOLD, "--name", "cv-fold1").code == 0
    before = run_dir.record(Path("runs/cv-fold1"))
    refused = cli(*line, "--name", "cv")
    assert (refused.code, "its folds exist" in refused.err) == (2, True)
    done = cli(*line, "--name", "cv", "--resume")
    assert done.code == 0, done.err
    assert "fold 1 of 3: runs/cv-fold1 is finished" in done.err
    assert run_dir.record(Path("runs/cv-fold1")) == before
    lines = done.out.splitlines()
    first = next(i for i, text in enumerate(lines) if text.startswith("on its part"))
    assert [text.split()[0] for text in lines[first : first + 6]] == ["on", "fold", "fold", "fold", "mean", "spread"]
    again = cli(*line, "--name", "cv", "--resume")
    assert (again.code, "runs/cv exists" in again.err) == (2, True)


FOLD = ["--set", "data.folds=3", "--set", "data.fold=1"]


def test_folds_go_with_neither_their_keys_nor_several_devices(cli, line):
    for more, message in ((FOLD, "--folds and data.folds"), (["--devices", "2"], "--folds and --devices")):
        refused = cli(*line, *more)
        assert (refused.code, message in refused.err) == (2, True)
    shown = cli(*line, "--dry-run")
    assert [row.split()[1] for row in shown.out.splitlines() if row.startswith("data.fold")] == ["3", "1"]
    assert not Path("runs").exists()


def test_one_run_is_no_ensemble(cli):
    refused = cli("ensemble", "a", "--name", "b")
    assert (refused.code, "needs two models at least" in refused.err) == (2, True)
