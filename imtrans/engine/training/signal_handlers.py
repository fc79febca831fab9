"""Signals that ask a run to save, to stop or both."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from imtrans.engine.distributed import PendingReduction, ProcessGroup

STOPS = tuple(getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n))
SAVE = getattr(signal, "SIGUSR1", None)


class SignalFlags:
    """What signals have asked this process for: `stop` is the number of the one that ends the run; 0: none."""

    def __init__(self) -> None:
        self.stop = 0
        self.wants_save = False


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
