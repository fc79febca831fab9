"""Progress on stderr: a bar in a terminal, otherwise a line every 10 seconds."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imtrans import hookimpl
from imtrans.interfaces import Run, Sample
from imtrans.kit.report.metric_history import HEALTH, REFERENCES
from imtrans_observers.buffered_writer import Throttle
from imtrans_observers.diagnosis.run_diagnostics import Diagnostics
from imtrans_observers.memory import in_words

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_DIAGNOSES = 2.0


class Console:
    """Shows losses, rate, remaining time, memory and the diagnosis of the run."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._diagnostics, self._clock, self._last_line = Diagnostics(), Clock(), 0.0
        self._throttle, self._health = Throttle(SECONDS_BETWEEN_DIAGNOSES), ""

    @hookimpl
    def imtrans_run_started(self, run: Run) -> None:
        """Print the facts of the run, and start the bar if stderr is a terminal."""
        self._diagnostics, self._clock, self._last_line = Diagnostics.of(run), Clock(run.start), 0.0
        self._throttle, self._health = Throttle(SECONDS_BETWEEN_DIAGNOSES), ""
        for name, fact in run.facts.items():
            self._say(run, f"{name:>10}: {fact}")
        done = f", of which {run.start:,} are done" if run.start else ""
        self._say(run, f"{'run':>10}: {run.folder}, {run.steps:,} steps{done}")
        terminal = _stderr()
        if terminal.is_terminal and not run.is_quiet:
            self._bar = _bar(terminal)
            self._bar.start()
            self._task = self._bar.add_task("", total=run.steps, completed=run.start, state="", losses="")

    @hookimpl
    def imtrans_logged(self, run: Run, step: int, values: Mapping[str, float]) -> None:
        """Show the losses: in the bar, or as a line every 10 s and for the last step."""
        self._diagnostics.logged(step, values)
        self._clock.reached(step)
        if self._bar is not None:
            self._show(run, step, values)
        elif time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES or step == run.steps:
            self._last_line = time.monotonic()
            parts = [f"step {step:,}/{run.steps:,}", losses(values), *self._state(run, step)]
            self._say(run, "  ".join(p for p in parts if p))

    @hookimpl
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:
        """Print the metrics, without those of the mean-image baseline."""
        self._diagnostics.evaluated(step, metrics, samples)
        if scores := model_scores(metrics):
            self._say(run, f"step {step:,}: validation {scores}")

    @hookimpl
    def imtrans_checkpoint_saved(self, run: Run, step: int, path: Path) -> None:
        """Print where, except for the last step."""
        if step < run.steps:
            self._say(run, f"step {step:,}: saved {path}")

    @hookimpl
    def imtrans_run_finished(self, run: Run, error: BaseException | None) -> None:  # noqa: ARG002 - the hook's
        """Print the diagnosis of the whole run."""
        self._close()
        self._say(run, f"Verdict: {self._diagnostics.diagnosis().line}")

    def _show(self, run: Run, step: int, values: Mapping[str, float]) -> None:
        state = "  ".join(p for p in self._state(run, step) if p)
        self._bar.update(self._task, completed=step, state=state, losses=losses(values))
        if step == run.steps:  # the evaluation that follows has its own bar
            self._close()

    def _state(self, run: Run, step: int) -> list[str]:
        rate = self._clock.rate(step)
        left = clock((run.steps - step) / rate) if rate else "?"
        return [f"{rate:.2f} steps/s", f"{left} left", in_words(), self._diagnosis_name()]

    def _diagnosis_name(self) -> str:
        if self._throttle.is_due:
            with self._throttle.measured():
                diagnosis = self._diagnostics.diagnosis()
            self._health = "" if diagnosis.is_early else diagnosis.name
        return self._health

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _say(self, run: Run, line: str) -> None:
        if run.is_quiet:
            return
        if self._bar is not None:
            # By the bar's console, which keeps the bar below the text. No markup: a path may hold [brackets].
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress goes to stderr


class Clock:
    """Steps a second since this process began, or since its last roll-back to a checkpoint."""

    def __init__(self, step: int = 0) -> None:
        self._from, self._at, self._last = step, time.monotonic(), step

    def reached(self, step: int) -> None:
        """Record that a step is done; an earlier step than the last starts the measurement again."""
        if step < self._last:
            self._from, self._at = step, time.monotonic()
        self._last = step

    def rate(self, step: int) -> float:
        """Steps a second up to `step`; 0 before any time has passed."""
        seconds = time.monotonic() - self._at
        return (step - self._from) / seconds if seconds > 0 else 0.0


def losses(values: Mapping[str, float]) -> str:
    """The losses without the health values, in the order in which they were logged."""
    return "  ".join(f"{name} {value:.3g}" for name, value in values.items() if not name.startswith(HEALTH))


def model_scores(metrics: Mapping[str, float]) -> str:
    """The metrics of the model in one line, without those of the mean-image baseline; empty if there are none."""
    return "  ".join(f"{name} {value:.4g}" for name, value in metrics.items() if not name.endswith(REFERENCES))


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _stderr() -> Any:
    # Imported here, as in _bar: every command loads the observers, and rich takes a tenth of a second.
    from rich.console import Console as RichConsole

    return RichConsole(file=sys.stderr)


def _bar(terminal: Any) -> Any:
    """Two lines: how far the run is, and below it the losses; what does not fit is cut, never wrapped."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.table import Column
    from rich.text import Text

    class Bar(Progress):
        def get_renderables(self) -> Any:
            yield from super().get_renderables()
            for task in self.tasks:
                yield Text(task.fields["losses"], no_wrap=True, overflow="ellipsis")

    state = TextColumn("{task.fields[state]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    return Bar(BarColumn(bar_width=None), MofNCompleteColumn(), state, console=terminal, expand=True)
