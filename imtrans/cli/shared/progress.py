"""A bar on stderr for counted work, where there is a terminal."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Gives tick(done, count); the bar appears at the first tick and goes when the block ends."""
    from rich.console import Console
    from rich.progress import Progress

    screen = Console(file=sys.stderr)
    bar = Progress(console=screen, disable=not screen.is_terminal, transient=True)
    tasks: list[Any] = []

    def tick(done: int, count: int) -> None:
        if not tasks:
            bar.start()
            tasks.append(bar.add_task(what, total=count))
        bar.update(tasks[0], completed=done)

    try:
        yield tick
    finally:
        if tasks:
            bar.stop()
