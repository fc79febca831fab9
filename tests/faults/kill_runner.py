"""Kills a training again and again, and says what became of it.

    python tests/faults/kill_runner.py ROOM --kills 20 --seed 7 [--signal TERM]

One process imports torch once and forks a child for each attempt, so that a kill costs no start; the children are
whole processes of their own, killed at a random moment, also while they start, save and evaluate. A run that came to
its end is compared with one that was never disturbed, and the next begins. Prints one JSON object.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from factories import SMALL, pairs

from imtrans.atomic_io import digest, faults
from imtrans.cli import main as cli

STEPS, INTERVAL = 40, 5
SETTINGS = {
    **{k: v for k, v in SMALL.items() if k != "dataset.pairs"},
    "train.steps": str(STEPS),
    "train.save_every": str(INTERVAL),
    "train.milestone_every": "4 epochs",
    "train.log_every": "1",
    "train.sample_every": "20",
    "train.evaluate_every": "2 epochs",
    "metrics": "l1",
    "inference.dropout": "true",
}


@dataclass
class Told:
    """What is known of all attempts."""

    seed: int
    wanted: int
    may_lose: int = INTERVAL
    kills: int = 0
    runs: int = 0
    most_lost: int = 0
    faults: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)


def arguments(data: str, name: str) -> list[str]:
    sets = [text for key, value in SETTINGS.items() for text in ("--set", f"{key}={value}")]
    return ["run", "pix2pix", "--dataset", data, "--name", name, "--resume", *sets]


def begin(line: list[str]) -> int:
    """A child that runs one command line in a session of its own; its number."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    quiet = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    code = 1
    try:
        code = cli.run(line)
    finally:
        os._exit(code)


def state(folder: Path) -> dict[str, str]:
    """The hashes of a finished run: all state, and what was logged but for what the clock decides."""
    place = folder / f"step-{STEPS:06}"
    found = {p.name: digest(p) for p in sorted(place.iterdir()) if p.name != "MANIFEST.json"}
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    plain = [{k: v for k, v in line.items() if k not in ("time", "health.waiting")} for line in lines]
    names = sorted(p.name for p in folder.glob("step-*")) + sorted(p.name for p in folder.glob("best-*"))[-1:]
    return {**found, "metrics": json.dumps(plain), "best": (folder / "best.json").read_text(), "names": str(names)}


def last_logged(folder: Path) -> int:
    """The last step that a run is known to have finished."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        lines = (folder / "metrics.jsonl").read_text().splitlines()
        return max((json.loads(line)["step"] for line in lines if line.endswith("}")), default=0)
    return 0


def newest(folder: Path) -> int:
    """The step of the newest whole checkpoint."""
    steps = sorted(folder.glob("step-*"), reverse=True)
    return next((int(p.name[5:]) for p in steps if not faults(p)), 0)


def torment(told: Told, data: str, *, number: int) -> None:
    """Kill until enough kills are done and the run that is under way has come to its end."""
    random.seed(told.seed)
    data = str(Path(data).resolve())
    began = time.monotonic()
    os.waitpid(begin(arguments(data, "straight")), 0)
    whole = time.monotonic() - began
    wanted = state(Path("runs/straight"))
    while told.kills < told.wanted:
        told.runs += 1
        name = f"run-{told.runs}"
        while not finished(told, arguments(data, name), Path("runs") / name, limit=whole, number=number):
            if len(told.faults) > 5:
                return
        found = state(Path("runs") / name)
        told.faults += [f"{name}: {key} differs" for key in wanted if found.get(key) != wanted[key]]


def finished(told: Told, line: list[str], folder: Path, *, limit: float, number: int) -> bool:
    """One attempt: whether it ended by itself. Else what the kill cost is noted."""
    child = begin(line)
    if told.kills < told.wanted:
        time.sleep(random.uniform(0, limit))
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    told.codes[str(code)] = told.codes.get(str(code), 0) + 1
    if code == 0:
        return True
    told.kills += 1
    if not folder.exists():
        return False
    lost = last_logged(folder) - newest(folder)
    told.most_lost = max(told.most_lost, lost)
    most = 0 if code == 128 + signal.SIGTERM else told.may_lose
    if code not in (-number, 128 + number):
        told.faults.append(f"{folder.name}: ended with {code}")
    if lost > most:
        told.faults.append(f"{folder.name}: {lost} steps lost at {code}")
    return False


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("room", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signal", default="KILL")
    parser.add_argument("--beside", action="store_true", help="checkpoints are written beside the training")
    given = parser.parse_args()
    # One that is written beside the training is there when the next is due, at the latest.
    told = Told(seed=given.seed, wanted=given.kills, may_lose=(1 + given.beside) * INTERVAL)
    if given.beside:
        SETTINGS["train.speedups"] = '["auto", "background-save"]'
    os.chdir(given.room)
    os.environ["IMTRANS_HOME"] = str(given.room / "home")
    import torch

    from imtrans.engine.training import (
        trainer,  # noqa: F401 - so that no child needs to
    )

    torch.set_num_threads(1)
    data = pairs(Path("pairs")).options["path"]
    torment(told, str(data), number=getattr(signal, f"SIG{given.signal}"))
    print(json.dumps(told.__dict__))


if __name__ == "__main__":
    main()
