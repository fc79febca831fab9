"""A trial's training: `imtrans run` in a process of its own, its evaluations handed to the pruner as they come."""

import contextlib
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from imtrans.cli.sweep import study as studies
from imtrans.cli.sweep.plan import SweepPlan
from imtrans.errors import ConfigError

EVERY = 0.5  # seconds between two looks at the log
INTERRUPTED = (130, 143)
Outcome = tuple[str, float | None, str]  # state, value, note


def run_trial(plan: SweepPlan, trial: Any, arguments: Sequence[str], *, folder: Path) -> Outcome:
    """Train a trial to its end, or to where it is pruned. Raises Exit where the training was stopped or is refused:
    the trial then is taken up again by the next call."""
    from imtrans.engine.runs import run_dir

    seen = Evaluations(plan, trial, folder)
    if run_dir.record(folder).get("status") == "finished":
        return seen.outcome()
    with _process([sys.executable, "-m", "imtrans", *arguments]) as process:
        studies.sign(trial, process.pid)
        ended = _watched(process, seen, beat=lambda: studies.sign(trial, process.pid))
        if ended is not None:
            return ended
    code = process.returncode
    if code < 0 or code in (2, *INTERRUPTED):
        raise click.exceptions.Exit(code if code > 0 else 128 - code)
    return seen.outcome() if code == 0 else ("FAIL", None, f"the training ended with exit code {code}")


class Evaluations:
    """The values of the metric in a run's log, each reported once."""

    def __init__(self, plan: SweepPlan, trial: Any, folder: Path) -> None:
        self.plan, self.trial, self.folder = plan, trial, folder
        self._reported = -1
        self._size = -1

    def look(self) -> Outcome | None:
        """How the trial ends by what the log has now; None: it goes on."""
        from imtrans.kit.report.metric_history import METRICS

        log = self.folder / METRICS
        size = log.stat().st_size if log.exists() else -1
        if size == self._size:
            return None
        self._size = size
        for step, value in self._values():
            # Optuna's pruners differ on NaN; none of them ends every such trial.
            if not math.isfinite(value):
                return "FAIL", None, f"{self.plan.metric} is {value} at step {step}"
            if step > self._reported:
                self.trial.report(value, step)
                self._reported = step
        pruned = self.plan.pruner != "none" and self._reported >= 0 and self.trial.should_prune()
        return ("PRUNED", None, f"pruned at step {self._reported}") if pruned else None

    def outcome(self) -> Outcome:
        """How a finished training is judged: by its last evaluation."""
        if ended := self.look():
            return ended if ended[0] == "FAIL" else ("COMPLETE", self._values()[-1][1], "")
        values = self._values()
        if not values:
            from imtrans.kit.report.metric_history import read as read_history

            keys = {n for split, n in read_history(self.folder).columns if split == "val"}
            raise ConfigError(
                f"metric {self.plan.metric!r}: run {self.folder.name} did not measure it",
                hint=f"It measured: {', '.join(sorted(keys)) or 'nothing'}",
            )
        return "COMPLETE", values[-1][1], ""

    def _values(self) -> list[tuple[int, float]]:
        from imtrans.kit.report.metric_history import read as read_history

        column = read_history(self.folder).column(self.plan.metric, "val")
        return list(zip(column.steps, column.values, strict=True))


def _watched(process: "subprocess.Popen[bytes]", seen: Evaluations, *, beat: Callable[[], None]) -> Outcome | None:
    last = time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(EVERY)
            return None
        if ended := seen.look():
            return ended
        if time.monotonic() - last > studies.BEAT:
            beat()
            last = time.monotonic()


@contextlib.contextmanager
def _process(line: Sequence[str]) -> "Iterator[subprocess.Popen[bytes]]":
    """A training; it is asked to save and end where it has not when this is left, by whatever way."""
    process = subprocess.Popen(line, stdout=2)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
