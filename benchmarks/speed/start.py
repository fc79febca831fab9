"""From the command to the first step done, a whole short run, what memory it takes, and what `imtrans list` costs.

Whole processes in turns.
"""

import json
from pathlib import Path

from benchmarks.speed.pairs import draw_pairs
from benchmarks.speed.process import Ended, module, run
from benchmarks.speed.rows import Row
from benchmarks.speed.settings import command, settings

Turn = tuple[Ended, Ended, float, float]


def measure_start(folder: Path, *, rounds: int, size: int = 256, steps: int = 8) -> list[Row]:
    """Rows for the first step, for a run of `steps` steps with its evaluation and its checkpoint, and for the list."""
    turns = _turns(folder, rounds=rounds, size=size, steps=steps)
    first = Row("start to the first step done", [t[2] for t in turns], [t[3] for t in turns], unit="s", goal=1.5)
    whole = [[ended.seconds for ended in side] for side in zip(*(t[:2] for t in turns), strict=True)]
    python = [run(["this"], folder=folder).seconds for _ in range(rounds)]
    listed = [run(["imtrans", "list"], folder=folder).seconds for _ in range(rounds)]
    return [
        first,
        Row(f"{steps} steps from start to end; ours evaluates and saves", *whole, unit="s"),
        Row("a bare start of Python, and `imtrans list`", python, listed, unit="s"),
    ]


def measure_memory(folder: Path, *, rounds: int, size: int = 256, steps: int = 8) -> list[Row]:
    """Peaks of whole programs; ours has evaluated and saved, too."""
    peaks = [[e.peak / 1e9 for e in t[:2]] for t in _turns(folder, rounds=rounds, size=size, steps=steps)]
    return [Row(f"peak memory, {size} px, batch 1", *map(list, zip(*peaks, strict=True)), unit="GB", goal=0.95)]


def _turns(folder: Path, *, rounds: int, size: int, steps: int) -> list[Turn]:
    """The plain program and ours, with the seconds of both until the first step was done."""
    pairs, turns = draw_pairs(folder / "pairs", 64, size=size), []
    for number in range(rounds):
        plain = run([module("plain_training"), str(pairs), str(size), "1", str(steps)], folder=folder)
        given = settings(size=size, batch=1, steps=steps, precision="float32")
        ours = run(command(pairs, given, name=f"run-{number}"), folder=folder)
        lines = (folder / "runs" / f"run-{number}" / "metrics.jsonl").read_text().splitlines()
        turns.append((plain, ours, plain.record["times"][0] - plain.began, json.loads(lines[0])["time"] - ours.began))
    return turns
