"""Signals that ask a run to save, to stop or both."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from imtrans.engine.distributed import PendingReduction, ProcessGroup

STOPS = tuple(getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n))
ECHO = 5.0  # seconds
SAVE = getattr(signal, "SIGUSR1", None)


class SignalFlags:
    """What signals have asked this process for: `stop` is the number of the one that ends the run; 0: none."""

    def __init__(self) -> None:
        self.stop = 0
        self.wants_save = False
        self._since = 0.0

    def ask_to_stop(self, number: int) -> None:
        """Note the first of the signals that end a run."""
        if not self.stop:
            self.stop, self._since = number, time.monotonic()

    def is_echo(self, number: int) -> bool:
        """Whether a signal is the one of before once more; of Ctrl-C each counts."""
        return number == self.stop != signal.SIGINT and time.monotonic() - self._since < ECHO


class StopRequests:
    """What any of the processes was asked for, as all of them heard it: they save, and they leave, together.

    Nobody waits for that: what was asked is sent at one call of `listen` and heard at the next, a step later. `every`:
    one of so many calls does so.
    """

    def __init__(self, flags: SignalFlags, world: ProcessGroup, *, every: int = 1) -> None:
        self.flags, self.world, self.every = flags, world.alongside(), every
        self.stop, self.wants_save = 0, False
        self._sent: tuple[Tensor, PendingReduction] | None = None
        self._calls = 0

    def listen(self, *, is_last: bool = False) -> None:
        """Take what came since: a signal may come to one process, at any moment, and is heard here by all."""
        self.wants_save, self._calls = False, self._calls + 1
        if self.world.size == 1:
            self._hear(self._request())
        elif is_last or self._calls % self.every == 0:
            self._exchange(is_last=is_last)

    def _exchange(self, *, is_last: bool) -> None:
        if self._sent is not None:
            request, pending = self._sent
            pending.wait()
            self._hear(int(request))
        self._sent = None
        if not is_last and not self.stop:
            request = torch.tensor([self._request()])
            self._sent = request, self.world.begin_max(request)

    def _request(self) -> int:
        request = 2 * self.flags.stop + self.flags.wants_save
        self.flags.wants_save = False
        return request

    def _hear(self, request: int) -> None:
        self.stop, self.wants_save = request // 2, bool(request % 2)


@contextlib.contextmanager
def capture_signals() -> Iterator[SignalFlags]:
    """SIGINT, SIGTERM and SIGHUP are noted, to be acted upon between steps; a second one acts at once. SIGUSR1 asks
    for a checkpoint.

    A scheduler and torch's launcher may both pass on the same SIGTERM: of those that come within `ECHO` seconds the
    second is none.
    """
    flags = SignalFlags()
    before: dict[int, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:
        if number == SAVE:
            flags.wants_save = True
        elif flags.stop and not flags.is_echo(number):
            for known in STOPS:
                signal.signal(known, before[known])
            # Python's own is called here: raised anew, its exception could come within a finaliser, and be lost.
            before[number](number, frame) if callable(before[number]) else signal.raise_signal(number)
        else:
            flags.ask_to_stop(number)

    if threading.current_thread() is threading.main_thread():
        before = {n: signal.signal(n, note) for n in (*STOPS, *([SAVE] if SAVE else []))}
    try:
        yield flags
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
