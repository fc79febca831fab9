"""Progress on stderr: a bar where there is a terminal, else a line now and then."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imtrans import hookimpl
from imtrans.interfaces import Run, Sample
from imtrans.kit.report.metric_history import BESIDE, HEALTH
from imtrans_observers.buffered_writer import Pace
from imtrans_observers.diagnostics import Coach
from imtrans_observers.memory import in_words

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_VERDICTS = 2.0


class Console:
    """Shows losses, rate, remaining time, memory and the coach's verdict."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._coach, self._clock, self._told = Coach(), Clock(), 0.0
        self._pace, self._verdict = Pace(SECONDS_BETWEEN_VERDICTS), ""

    @hookimpl
    def imtrans_run_started(self, run: Run) -> None:
        self._coach, self._clock, self._told = Coach.of(run), Clock(run.start), 0.0
        self._pace, self._verdict = Pace(SECONDS_BETWEEN_VERDICTS), ""
        for name, fact in run.facts.items():
            self._say(run, f"{name:>10}: {fact}")
        begun = f", of which {run.start:,} are done" if run.start else ""
        self._say(run, f"{'run':>10}: {run.folder}, {run.steps:,} steps{begun}")
        screen = _screen()
        if screen.is_terminal and not run.is_quiet:
            self._bar = _bar(screen)
            self._bar.start()
            self._task = self._bar.add_task("", total=run.steps, completed=run.start, told="", losses="")

    @hookimpl
    def imtrans_logged(self, run: Run, step: int, values: Mapping[str, float]) -> None:
        self._coach.logged(step, values)
        self._clock.reached(step)
        if self._bar is not None:
            self._show(run, step, values)
        elif time.monotonic() - self._told > SECONDS_BETWEEN_LINES or step == run.steps:
            self._told = time.monotonic()
            parts = [f"step {step:,}/{run.steps:,}", losses(values), *self._state(run, step), self._health()]
            self._say(run, "  ".join(p for p in parts if p))

    @hookimpl
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:
        self._coach.evaluated(step, metrics, samples)
        own = {k: v for k, v in metrics.items() if not k.endswith(BESIDE)}
        if own:
            self._say(run, f"step {step:,}: validation " + "  ".join(f"{k} {v:.4g}" for k, v in own.items()))

    @hookimpl
    def imtrans_checkpoint_saved(self, run: Run, step: int, path: Path) -> None:
        if step < run.steps:
            self._say(run, f"step {step:,}: saved {path}")

    @hookimpl
    def imtrans_run_finished(self, run: Run, error: BaseException | None) -> None:  # noqa: ARG002 - the hook's
        self._close()
        self._say(run, f"Verdict: {self._coach.verdict().line}")

    def _show(self, run: Run, step: int, values: Mapping[str, float]) -> None:
        told = "  ".join(p for p in (*self._state(run, step), self._health()) if p)
        self._bar.update(self._task, completed=step, told=told, losses=losses(values))
        if step == run.steps:  # what follows, the evaluation, has a bar of its own
            self._close()

    def _state(self, run: Run, step: int) -> list[str]:
        rate = self._clock.rate(step)
        left = clock((run.steps - step) / rate) if rate else "?"
        return [f"{rate:.2f} steps/s", f"{left} left", in_words()]

    def _health(self) -> str:
        if self._pace.is_due:
            with self._pace.measured():
                verdict = self._coach.verdict()
            self._verdict = "" if verdict.is_early else verdict.name
        return self._verdict

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _say(self, run: Run, line: str) -> None:
        if run.is_quiet:
            return
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)  # noqa: T201 - this is the place for it


class Clock:
    """Steps a second since this process began, or since it last went back to a checkpoint."""

    def __init__(self, step: int = 0) -> None:
        self._from, self._at, self._last = step, time.monotonic(), step

    def reached(self, step: int) -> None:
        if step < self._last:
            self._from, self._at = step, time.monotonic()
        self._last = step

    def rate(self, step: int) -> float:
        seconds = time.monotonic() - self._at
        return (step - self._from) / seconds if seconds > 0 else 0.0


def losses(values: Mapping[str, float]) -> str:
    """The losses alone, in the order in which they were logged."""
    return "  ".join(f"{name} {value:.3g}" for name, value in values.items() if not name.startswith(HEALTH))


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _screen() -> Any:
    from rich.console import Console as Screen

    return Screen(file=sys.stderr)


def _bar(screen: Any) -> Any:
    """Two lines: how far the run is, and below it the losses; what does not fit is cut, never wrapped."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.table import Column
    from rich.text import Text

    class Bar(Progress):
        def get_renderables(self) -> Any:
            yield from super().get_renderables()
            for task in self.tasks:
                yield Text(task.fields["losses"], no_wrap=True, overflow="ellipsis")

    told = TextColumn("{task.fields[told]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    return Bar(BarColumn(bar_width=None), MofNCompleteColumn(), told, console=screen, expand=True)
