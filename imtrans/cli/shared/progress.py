"""A progress bar on stderr for counted work, if stderr is a terminal."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def progress(description: str) -> Iterator[Callable[[int, int], None]]:
    """A callback tick(done, count); the bar appears at the first tick and is removed when the block ends."""
    from rich.console import Console
    from rich.progress import Progress

    screen = Console(file=sys.stderr)
    bar = Progress(console=screen, disable=not screen.is_terminal, transient=True)
    tasks: list[Any] = []  # none before the first tick: work of no time shows no bar

    def tick(done: int, count: int) -> None:
        if not tasks:
            bar.start()
            tasks.append(bar.add_task(description, total=count))
        bar.update(tasks[0], completed=done)

    try:
        yield tick
    finally:
        if tasks:
            bar.stop()


@contextlib.contextmanager
def counted(description: str, *, total: int | None) -> Iterator[Callable[[float], None]]:
    """A callback tick(done); a bar that stays, with how many are done and the time that is left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    screen = Console(file=sys.stderr)
    columns = (TextColumn(description), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, disable=not screen.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)
