"""Signals that ask a run to save, to stop or both."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

STOPS = tuple(getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n))
SAVE = getattr(signal, "SIGUSR1", None)


class SignalFlags:
    """What signals have asked for since: `stop` is the number of the one that ends the run; 0: none."""

    def __init__(self) -> None:
        self.stop = 0
        self.wants_save = False


@contextlib.contextmanager
def capture_signals() -> Iterator[SignalFlags]:
    """SIGINT, SIGTERM and SIGHUP are noted, to be acted upon between steps; a second one acts at once. SIGUSR1 asks
    for a checkpoint."""
    asked = SignalFlags()
    before: dict[int, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what the signal module calls
        if number == SAVE:
            asked.wants_save = True
            return
        asked.stop = number
        for known in STOPS:
            signal.signal(known, before[known])

    if threading.current_thread() is threading.main_thread():
        before = {n: signal.signal(n, note) for n in (*STOPS, *([SAVE] if SAVE else []))}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
