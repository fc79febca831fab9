"""imtrans runs: the table of runs, and what it deletes."""

import json
import os
import shutil
from pathlib import Path

import pytest
from factories import job, pairs
from terminal import shown

from imtrans.cli.main import run as command_line
from imtrans.engine.runs import run_dir
from imtrans.engine.training import trainer


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two runs, one finished and one stopped, each with several checkpoints."""
    top = tmp_path_factory.mktemp("runs")
    data = pairs(top / "pairs", val=1)
    every = {"train.steps": "8", "train.save_every": "2", "train.keep_last": "9", "train.milestone_every": "4"}
    for name, status in (("first", "finished"), ("second", "interrupted")):
        settings = {**every, "train.evaluate_every": "never", "metrics": "l1"}
        trainer.fit(job(top / "runs" / name, settings, dataset=data))
        run_dir.finish(top / "runs" / name, status=status, step=8, code=0)
        run_dir.unlock(top / "runs" / name)
    return top


@pytest.fixture
def desk(made, tmp_path, monkeypatch):
    shutil.copytree(made / "runs", tmp_path / "runs")
    (tmp_path / "runs" / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def steps(folder):
    return sorted(p.name for p in folder.glob("step-*"))


@pytest.mark.slow
@pytest.mark.parametrize("width", [60, 80, 160, None])
def test_the_table_fits_the_terminal(desk, capfd, width):
    if width:
        lines = shown(width, ["runs"])
    else:
        assert command_line(["runs"]) == 0
        lines = capfd.readouterr().out.splitlines()
    heads = ["run", "started", "status", "recipe", "data", "steps", "metrics", "size"]
    assert lines[0].split() == [head for head in heads if width != 60 or head not in ("recipe", "data")]
    assert {line.split()[0] for line in lines[1:4]} == {"first", "second", "empty"}
    assert max(map(len, lines)) <= (width or 1000)
    assert lines[-1].startswith("3 runs, ")
    [first] = [line for line in lines if line.startswith("first")]
    assert "finished" in first
    assert width == 60 or "pairs" in first


def test_the_json_has_all_that_the_table_has(desk, capfd):
    assert command_line(["runs", "first", "--json"]) == 0
    [row] = json.loads(capfd.readouterr().out)
    assert row["bytes"] == sum(p.stat().st_size for p in (desk / "first").rglob("*") if p.is_file())
    assert (row["run"], row["recipe"], row["data"], row["step"], row["steps"]) == (
        *("runs/first", "pix2pix", "pairs"),
        *(8, 8),
    )
    assert list(row["metrics"]) == ["l1"]


def test_without_a_run_it_says_how_to_make_one(cli):
    assert cli("runs").out == "No run is here yet: imtrans run pix2pix makes one.\n"


def test_prune_asks_and_deletes_what_nobody_needs(desk, capfd, monkeypatch):
    assert command_line(["runs", "--prune"]) == 2
    assert "There is nobody to ask" in capfd.readouterr().err
    assert len(steps(desk / "first")) == 4
    assert command_line(["runs", "--prune", "--yes"]) == 0
    assert steps(desk / "first") == ["step-000004", "step-000008"], "the milestones, one of them the newest"
    assert len(steps(desk / "second")) == 4, "it may be resumed"
    assert not (desk / "empty").exists()
    capfd.readouterr()
    assert command_line(["runs", "--prune", "--yes"]) == 0
    assert "Nothing to delete" in capfd.readouterr().out


def test_a_named_run_is_deleted_unless_a_process_writes_in_it(desk, capfd):
    run_dir.lock(desk / "first")
    lock = json.loads((desk / "first" / ".lock").read_text())
    parent = os.getppid()
    (desk / "first" / ".lock").write_text(json.dumps({**lock, "pid": parent, "began": run_dir._began(parent)}))
    assert command_line(["runs", "first", "second", "--prune", "--yes"]) == 0
    assert f"{Path('runs/first')} stays: a process writes in it" in capfd.readouterr().err
    assert (desk / "first").exists()
    assert not (desk / "second").exists()


def test_a_broken_run_is_shown_as_far_as_it_goes(desk, capfd):
    (desk / "first" / "run.json").write_text("{")
    (desk / "first" / "config.toml").write_text("= 3")
    (desk / "first" / "metrics.jsonl").write_text('nonsense\n{"step": "x"}\n')
    assert command_line(["runs"]) == 0
    assert "first" in capfd.readouterr().out
