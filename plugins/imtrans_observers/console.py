"""Progress on stderr: a bar where there is a terminal, else a line now and then."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imtrans import hookimpl
from imtrans.interfaces import Run, Sample

SECONDS_BETWEEN_LINES = 10.0


class Console:
    """Shows losses, rate and remaining time."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._begun = self._told = 0.0

    @hookimpl
    def imtrans_run_started(self, run: Run) -> None:
        self._begun, self._told = time.monotonic(), 0.0
        for name, fact in run.facts.items():
            self._say(run, f"{name:>10}: {fact}")
        self._say(run, f"{'run':>10}: {run.folder}, {run.steps:,} steps")
        screen = _screen()
        if screen.is_terminal and not run.is_quiet:
            self._bar = _bar(screen)
            self._bar.start()
            self._task = self._bar.add_task("", total=run.steps, losses="", rate="")

    @hookimpl
    def imtrans_logged(self, run: Run, step: int, values: Mapping[str, float]) -> None:
        seconds = time.monotonic() - self._begun
        rate = step / seconds if seconds else 0.0
        losses = "  ".join(f"{name} {value:.3g}" for name, value in values.items())
        if self._bar is not None:
            self._bar.update(self._task, completed=step, losses=losses, rate=f"{rate:.2f} steps/s")
            if step == run.steps:  # what follows, the evaluation, has a bar of its own
                self._close()
        elif time.monotonic() - self._told > SECONDS_BETWEEN_LINES or step == run.steps:
            self._told = time.monotonic()
            left = _clock((run.steps - step) / rate) if rate else "?"
            self._say(run, f"step {step:,}/{run.steps:,}  {losses}  {rate:.2f} steps/s  {left} left")

    @hookimpl
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:  # noqa: ARG002 - the hook's
        own = {k: v for k, v in metrics.items() if not k.endswith("_of_mean_picture")}
        if own:
            self._say(run, f"step {step:,}: validation " + "  ".join(f"{k} {v:.4g}" for k, v in own.items()))

    @hookimpl
    def imtrans_checkpoint_saved(self, run: Run, step: int, path: Path) -> None:
        if step < run.steps:
            self._say(run, f"step {step:,}: saved {path}")

    @hookimpl
    def imtrans_run_finished(self, run: Run, error: BaseException | None) -> None:  # noqa: ARG002 - the hook's
        self._close()

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


def _screen() -> Any:
    from rich.console import Console as Screen

    return Screen(file=sys.stderr)


def _bar(screen: Any) -> Any:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("left  {task.fields[losses]}"),
    )
    return Progress(*columns, console=screen)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
