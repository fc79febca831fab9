"""Checks of whole trainings, by the command line, in processes of their own."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imtrans.testing import run_commands
from imtrans.testing.contract import check, plugins, require
from imtrans.testing.run_commands import Job

STEPS, KILLED_AT = 4, 2
SMALL = {"data.batch_size": 2, "train.num_samples": 1, "train.log_every": 1, "train.save_every": f"{KILLED_AT} steps"}
KILLED = 9
# As hard as SIGKILL: nothing is cleaned up, and nothing written.
KILLER = f"""
import os
from imtrans import hookimpl

@hookimpl
def imtrans_checkpoint_saved(step):
    if step == {KILLED_AT}:
        os._exit({KILLED})
"""


@check
def check_run(
    recipe: str,
    settings: Mapping[str, Any] | None = None,
    *,
    dataset: str | None = None,
    size: int = 32,
    resumes: bool = True,
    shares: bool = True,
) -> None:
    """A recipe trains four steps; killed after two and resumed it has the same weights; so have two processes.

    `settings` are keys as of --set. `recipe` may be a TOML file. `dataset` is that of --dataset; without it the
    training is on a few drawn pairs of `size` pixels. `resumes`: every bit is the same after a kill. `shares`: two
    processes have the losses of one, but for the order of sums; networks must then have no dropout.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _draw_pairs(folder / "pairs", size)
        (folder / "killed_by_the_check.py").write_text(KILLER)
        line = _line(recipe, {**SMALL, "data.size": size, **(settings or {})}, dataset or str(folder / "pairs"))
        jobs = [Job([[*line, "--name", "whole"]])]
        if resumes:
            killer = ["-p", str(folder / "killed_by_the_check.py")]
            jobs += [Job([[*line, "--name", "killed", *killer]], KILLED), Job([["resume", "killed", *_files()]])]
        if shares:
            jobs.append(Job([[*line, "--name", "shared"]] * 2))
        run_commands.call(jobs, folder)
        if resumes:
            _check_same_bits(folder / "runs", recipe)
        if shares:
            _check_same_losses(folder / "runs", recipe)


def _line(recipe: str, settings: Mapping[str, Any], dataset: str) -> list[str]:
    named = str(Path(recipe).resolve()) if recipe.endswith(".toml") else recipe
    place = str(Path(dataset).resolve()) if Path(dataset).exists() else dataset
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={_text(value)}")]
    return ["run", named, "--dataset", place, "--steps", str(STEPS), "--device", "cpu", *sets, *_files()]


def _files() -> Sequence[str]:
    files = [record.target for record in plugins().records if record.target.endswith(".py")]
    return [word for file in files for word in ("-p", file)]


def _draw_pairs(folder: Path, size: int) -> None:
    """Coloured blocks and their negatives, side by side."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 2)):
        (folder / split).mkdir(parents=True)
        for number in range(count):
            half = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            large = np.array(Image.fromarray(half).resize((size, size), Image.Resampling.BILINEAR))
            Image.fromarray(np.hstack([large, 255 - large])).save(folder / split / f"{number}.png")


def _check_same_bits(runs: Path, name: str) -> None:
    import torch
    from safetensors.torch import load_file

    for file in ("model.safetensors", "optimizer.safetensors"):
        whole, resumed = (load_file(runs / run / f"step-{STEPS:06}" / file) for run in ("whole", "killed"))
        require(whole.keys() == resumed.keys(), f"{name}: killed and resumed, its {file} has other tensors")
        differing = [key for key in whole if not torch.equal(whole[key], resumed[key])]
        what = "it has state that state_dict() leaves out, or draws numbers that do not follow from batch.draws"
        require(not differing, f"{name}: killed and resumed, {differing[:3]} differ: {what}")
    same = _losses(runs / "whole") == _losses(runs / "killed")
    require(same, f"{name}: killed and resumed, other losses were logged, though the weights are the same")


def _check_same_losses(runs: Path, name: str) -> None:
    alone, together = _losses(runs / "whole"), _losses(runs / "shared")
    require(len(alone) == len(together), f"{name}: two processes logged {len(together)} lines, one {len(alone)}")
    for one, two in zip(alone, together, strict=True):
        for key in one.keys() & two.keys():
            a, b = one[key], two[key]
            if isinstance(a, float) and isinstance(b, float):
                close = abs(a - b) <= 1e-3 * abs(a) + 1e-5
                what = f"{name}: two processes have {key} {b:.6g} at step {one.get('step')}, one has {a:.6g}"
                require(close, f"{what}; is there dropout, a sum in place of a mean, or torch's own BatchNorm?")


def _losses(run: Path) -> list[dict[str, Any]]:
    """What was logged of each step, but for what the clock decides."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    plain = ({k: v for k, v in row.items() if k not in ("time", "health.waiting")} for row in rows)
    return sorted(plain, key=lambda row: (row.get("step", 0), len(row)))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
