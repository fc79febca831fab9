"""Signals that ask a run to save, to stop or both."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from imtrans.engine.distributed import ProcessGroup

STOPS = tuple(getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n))
SAVE = getattr(signal, "SIGUSR1", None)


class SignalFlags:
    """What signals have asked this process for: `stop` is the number of the one that ends the run; 0: none."""

    def __init__(self) -> None:
        self.stop = 0
        self.wants_save = False


class StopRequests:
    """What any of the processes was asked for, as all of them heard it: they save, and they leave, together."""

    def __init__(self, flags: SignalFlags, world: ProcessGroup) -> None:
        self.flags, self.world = flags, world
        self.stop, self.wants_save = 0, False

    def listen(self) -> None:
        """Take what came since: a signal may come to one process, at any moment, and is heard here by all."""
        request = self.world.max(2 * self.flags.stop + self.flags.wants_save)
        self.flags.wants_save = False
        self.stop, self.wants_save = request // 2, bool(request % 2)


@contextlib.contextmanager
def capture_signals() -> Iterator[SignalFlags]:
    """SIGINT, SIGTERM and SIGHUP are noted, to be acted upon between steps; a second one acts at once. SIGUSR1 asks
    for a checkpoint."""
    flags = SignalFlags()
    before: dict[int, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what the signal module calls
        if number == SAVE:
            flags.wants_save = True
            return
        flags.stop = number
        for known in STOPS:
            signal.signal(known, before[known])

    if threading.current_thread() is threading.main_thread():
        before = {n: signal.signal(n, note) for n in (*STOPS, *([SAVE] if SAVE else []))}
    try:
        yield flags
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
