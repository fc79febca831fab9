"""Files written beside a training: a write that fails is reported once and retried, and none takes much time."""

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from imtrans.atomic_io import append_text, sync
from imtrans.errors import ResourceError

MAX_LINES = 10_000  # that wait in memory for a full disk: about 3 MB


class BufferedLog:
    """A file that lines are added to. While the disk refuses them they wait, 10,000 at most, the oldest lost first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lost = 0
        self._waiting: deque[tuple[int, str]] = deque()
        self._has_warned = False

    def add(self, step: int, line: str) -> None:
        """Add the line of a step. Waiting lines of later steps are dropped: the run was rolled back."""
        while self._waiting and self._waiting[-1][0] > step:
            self._waiting.pop()
        self._waiting.append((step, line))
        if len(self._waiting) > MAX_LINES:
            self._waiting.popleft()
            self.lost += 1
        self.flush()

    def flush(self) -> None:
        """Write the waiting lines, if the disk accepts them; warn the first time that it does not."""
        if not self._waiting:
            return
        size = self._size()
        try:
            append_text(self.path, "".join(line + "\n" for _, line in self._waiting))
        except ResourceError as error:
            with contextlib.suppress(OSError):  # half a line may be written; truncating needs no free space
                os.truncate(self.path, size)
            self._warn(error)
            return
        self._waiting.clear()

    def sync(self) -> None:
        """Wait until everything written is on the disk."""
        self.flush()
        try:
            if self.path.is_file():
                sync(self.path)
        except OSError as error:
            self._warn(ResourceError(f"{self.path}: cannot be written: {error.strerror or error}"))

    def close(self) -> None:
        """Write the waiting lines; those that cannot be written now are lost, and a warning says how many."""
        self.flush()
        lost = self.lost + len(self._waiting)
        if lost:
            warn(f"{self.path}: {lost:,} lines could not be written and are lost")

    def _warn(self, error: ResourceError) -> None:
        if not self._has_warned:
            self._has_warned = True
            warn(f"{error.what}; training continues, and its lines wait in memory")

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return 0


class Writer:
    """Calls functions that write a file; the first failure is a warning, and the next call tries again."""

    def __init__(self) -> None:
        self._has_warned = False

    def __call__(self, write: Callable[[], object]) -> bool:
        """Whether it was written."""
        try:
            write()
        except ResourceError as error:
            if not self._has_warned:
                self._has_warned = True
                warn(f"{error.what}; training continues, and the file is written later")
            return False
        return True


class Throttle:
    """Keeps optional work below a fiftieth of the time, and at least `seconds` apart."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0

    @property
    def is_due(self) -> bool:
        """Whether the work may be done now."""
        return time.monotonic() >= self._next

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """A context around the work itself: how long it takes decides when it is due again."""
        began = time.monotonic()
        try:
            yield
        finally:
            now = time.monotonic()
            # On a slow disk the work takes longer, and its pauses grow with it.
            self._next = now + max(self._seconds, 50 * (now - began))


def warn(text: str) -> None:
    """Print a warning on stderr."""
    print(f"Warning: {text}", file=sys.stderr, flush=True)  # noqa: T201 - observers have no other output
