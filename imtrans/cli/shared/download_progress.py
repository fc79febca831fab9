"""Progress of a download on stderr, and its interruption by a signal."""

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

import click

from imtrans.cli.shared.progress import progress as counted
from imtrans.errors import Interrupted

if TYPE_CHECKING:
    from imtrans.engine.datasets.dataset_download import ProgressCallbacks

EVERY_SECONDS = 10.0  # a log file of an hour stays readable


@contextlib.contextmanager
def interruptible(name: str) -> Iterator[None]:
    """Within it a first SIGINT or SIGTERM ends a fetch and keeps what has arrived; a second one ends the process."""
    numbers = (signal.SIGINT, signal.SIGTERM)

    def interrupt(number: int, _frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_DFL)
        raise Interrupted(
            f"data set {name!r}: fetching was stopped by {signal.Signals(number).name}",
            signal=number,
            hint=f"To resume from what has arrived: imtrans data fetch {name}",
        )

    if threading.current_thread() is not threading.main_thread():  # only there can handlers be set
        yield
        return
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def listening(name: str) -> Iterator["ProgressCallbacks"]:
    """Callbacks that show a download on stderr: a bar with rate and remaining time on a terminal, else lines."""
    from imtrans.engine.datasets.dataset_download import ProgressCallbacks

    if not sys.stderr.isatty():
        yield ProgressCallbacks(
            say=lambda text: click.echo(text, err=True), tick=_ByteLines(name), prepare=_CountLines(name)
        )
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    screen = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    bar = Progress(*columns, TimeRemainingColumn(), console=screen, transient=True)
    task = bar.add_task(name, total=None)

    def tick(done: int, count: int) -> None:
        bar.start()  # not before: `say` may still print, and a bar would be drawn over it
        bar.update(task, completed=done, total=count or None)

    def say(text: str) -> None:
        bar.stop()
        screen.print(text, markup=False, highlight=False, soft_wrap=True)

    try:
        with counted(f"{name}: preparing") as prepare:
            yield ProgressCallbacks(say=say, tick=tick, prepare=prepare)
    finally:
        bar.stop()


class _CountLines:
    """Progress of counted work without a terminal: a line every ten seconds."""

    def __init__(self, name: str) -> None:
        self.name, self.last = name, time.monotonic()

    def __call__(self, done: int, count: int) -> None:
        if time.monotonic() - self.last >= EVERY_SECONDS:
            self.last = time.monotonic()
            click.echo(f"{self.name}: {done:,} of {count:,} prepared", err=True)


class _ByteLines:
    """Progress of a download without a terminal: the size at once, then a line every ten seconds."""

    def __init__(self, name: str) -> None:
        self.name, self.began, self.last, self.first = name, time.monotonic(), 0.0, 0

    def __call__(self, done: int, count: int) -> None:
        now = time.monotonic()
        if not self.last or done < self.first:  # fewer bytes than before: the server began the file anew
            self.began, self.last, self.first = now, now, done
            click.echo(f"{self.name}: downloading {size_of(count) if count else 'an unknown size'}", err=True)
        elif now - self.last >= EVERY_SECONDS:
            self.last = now
            rate = max(1.0, (done - self.first) / (now - self.began))
            rest = f", {(count - done) / rate:,.0f} s left" if count else ""
            of = f" of {size_of(count)}" if count else ""
            click.echo(f"{self.name}: {size_of(done)}{of}, {size_of(int(rate))} a second{rest}", err=True)


def size_of(count: int) -> str:
    """A number of bytes in MB or GB."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"
