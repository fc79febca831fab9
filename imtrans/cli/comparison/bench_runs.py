"""The runs of `imtrans bench`: each recipe trained in a process of its own, measured by the same protocols."""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imtrans import atomic_io
from imtrans.cli.comparison import run_comparison
from imtrans.cli.session import Session
from imtrans.errors import ConfigError
from imtrans.plugins.defaults import default_protocol

if TYPE_CHECKING:
    from imtrans.kit.report.metric_history import History

USE = "bench.json"  # in a run's folder: the memory that its training took
KIB, STDERR = 1024, 2


@dataclass(frozen=True, kw_only=True)
class BenchRun:
    """A trained and measured recipe: `parameters` of all networks, `seconds` of a step, the most `memory` in bytes that
    its process had (None: not known), and the records of its evaluations."""

    recipe: str
    folder: Path
    steps: int
    batch_size: int
    parameters: int
    seconds: float | None
    memory: int | None
    evaluations: Sequence[Mapping[str, Any]] = field(default_factory=list)

    @property
    def numbers(self) -> dict[str, Mapping[str, Any]]:
        """The numbers of all protocols by name; the first protocol's where two have one of that name."""
        return {n: number for record in reversed(self.evaluations) for n, number in record["numbers"].items()}

    @property
    def conditions(self) -> dict[str, Any]:
        """What its numbers must share with those of another run to be compared: all choices but the model's own."""
        own = ("inference", "metrics", "made_at")
        return {r["protocol"]: {k: v for k, v in r["choices"].items() if k not in own} for r in self.evaluations}


def trained(session: Session, recipe: str, arguments: Sequence[str], *, name: str, is_quiet: bool) -> None:
    """Train a recipe as `imtrans run` does, in a process of its own, from where it stopped the last time.

    With `is_quiet` nothing of it goes to stdout.
    """
    folder = _folder(name)
    line = [*_before(session.arguments), "run", recipe, *arguments, "--name", name, "--resume"]
    code, peak = _run([sys.executable, "-m", "imtrans", *line], output=STDERR if is_quiet else None)
    if code:
        raise click.exceptions.Exit(code)
    known = atomic_io.read_json(folder / USE).get("memory") or 0
    atomic_io.replace_json(folder / USE, {"memory": max(known, peak) or None})


def is_finished(name: str, *, steps: int | None) -> bool:
    """Whether a run of this name was trained to its end; it goes on where it is to have more `steps` than it had."""
    from imtrans.engine.runs import run_dir

    record = run_dir.record(_folder(name))
    return record.get("status") == "finished" and int(record.get("step") or 0) >= (steps or 0)


def measured(session: Session, recipe: str, *, name: str) -> BenchRun:
    """The finished run with its numbers: by the protocol of its data, and by that for sets of pictures."""
    from imtrans import api
    from imtrans.kit.report.metric_history import read as read_history

    folder, history = _folder(name), read_history(_folder(name))
    summary = run_comparison.read(str(folder))
    first = api.evaluate(folder, plugins=session.plugins)
    of_sets = default_protocol(session.catalog, "unpaired")
    others = [of_sets] if of_sets and of_sets != first["protocol"] else []
    return BenchRun(
        recipe=recipe,
        folder=folder,
        steps=int(first["checkpoint"].rpartition("-")[2]),
        batch_size=int(summary.config["data.batch_size"]),
        parameters=sum(_counts(summary.parameters)),
        seconds=_seconds(history),
        memory=atomic_io.read_json(folder / USE).get("memory"),
        evaluations=[first, *(api.evaluate(folder, protocol=p, plugins=session.plugins) for p in others)],
    )


def _run(line: Sequence[str], *, output: int | None) -> tuple[int, int]:
    """Run a command; its exit code, and the most memory in bytes that it had (0: the system does not tell)."""
    process = subprocess.Popen(line, stdout=output)
    try:
        if not hasattr(os, "wait4"):
            return process.wait(), 0
        _, status, use = os.wait4(process.pid, 0)
    except KeyboardInterrupt:  # the process hears it, too, and saves its run
        return process.wait() or 130, 0
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode, _bytes(use.ru_maxrss)


def _bytes(peak: int) -> int:
    return peak if sys.platform == "darwin" else peak * KIB  # macOS counts bytes, Linux kilobytes


def _folder(name: str) -> Path:
    from imtrans.engine.checkpoints.checkpoint_paths import RUNS

    return RUNS / name


def _before(arguments: Sequence[str]) -> list[str]:
    """What stands before the name of the command: plugins, debugging."""
    return [*arguments[: list(arguments).index("bench")]]


def _counts(parameters: str) -> Iterator[int]:
    """The numbers in "generator 1,234, discriminator 56"."""
    for part in parameters.split(", "):
        name, _, count = part.rpartition(" ")
        if name and count.replace(",", "").isdigit():
            yield int(count.replace(",", ""))


def _seconds(history: "History") -> float | None:
    """The seconds of a step: the median between neighbouring lines of the log, so that no evaluation counts."""
    steps = [step for step in history.column(next(iter(history.losses()), "")).steps if step in history.times]
    gaps = [(history.times[b] - history.times[a]) / (b - a) for a, b in pairwise(steps)]
    return statistics.median(gaps) if gaps else None


def settings_for(recipe: str, settings: Sequence[str], recipes: Sequence[str]) -> list[str]:
    """The flags of a recipe: every KEY=VALUE, and of those with RECIPE: before them its own."""
    found = list[str]()
    for text in settings:
        before, colon, _ = text.partition("=")[0].partition(":")  # a value may have a colon of its own
        if colon and before not in recipes:
            raise ConfigError(f"--set {text}: {before!r} is none of --recipes", hint=f"They are: {', '.join(recipes)}")
        if not colon:
            found += ["--set", text]
        elif before == recipe:
            found += ["--set", text.partition(":")[2]]
    return found
