"""Command lines of processes that train together, and the numbers that they log."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from example_methods import FOLDERS
from factories import SMALL

HERE = Path(__file__).parent
SETTINGS = {
    **{k: v for k, v in SMALL.items() if k != "dataset.pairs"},
    "data.batch_size": "4",
    "train.steps": "8",
    "train.log_every": "1",
    "train.sample_every": "99",
    "generator.dropout": "0",
    "metrics": "l1",
}


def line(name, *more, recipe="pix2pix", **settings):
    sets = [text for k, v in {**SETTINGS, **settings}.items() if v for text in ("--set", f"{k}={v}")]
    return ["run", recipe, "--name", name, *sets, *more]


def company(room, *specs, plugins=False):
    """What became of these jobs, one after the other."""
    (room / "spec.json").write_text(json.dumps(specs))
    environment = {**os.environ, "IMTRANS_HOME": str(room / "home"), "OMP_NUM_THREADS": "1"}
    if plugins:
        environment["PYTHONPATH"] = os.pathsep.join(FOLDERS)
    command = [sys.executable, str(HERE / "multiprocess_runs.py"), str(room / "spec.json")]
    done = subprocess.run(command, cwd=room, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def data(room):
    return ["--dataset", str(room / "pairs")]


def losses(room, name):
    """Every number that was logged, but for what the clock decides."""
    lines = [json.loads(text) for text in (room / "runs" / name / "metrics.jsonl").read_text().splitlines()]
    left_out = ("time", "split", "step", "health.waiting")
    return [[v for k, v in sorted(line.items()) if k not in left_out] for line in lines]


def assert_equal_losses(room, one, other, *, most=1e-5):
    mine, theirs = losses(room, one), losses(room, other)
    assert len(mine) == len(theirs) > 3
    for a, b in zip(mine, theirs, strict=True):
        assert a == pytest.approx(b, rel=most, abs=1e-7)
