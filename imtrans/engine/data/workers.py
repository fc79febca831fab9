"""The processes that load: how they hear signals, and how their silence and their death are noticed."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

LOOK = 5  # seconds after which a silent process is looked at: it may be dead
PATIENCE = 120  # seconds that one may take for a batch, on a network disk that hangs, say


def reset_worker_signals(_worker: int) -> None:
    """Ctrl-C reaches every process of the terminal: the main one decides; and it ends its workers by SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def iter_with_timeout(loader: Any) -> Iterator[Any]:
    """What a torch loader of timeout LOOK gives. RuntimeError of its own when a process died or took too long.

    torch would raise the death of a process in the midst of whatever the main thread does, a step half done; here it
    is found where the next batch is asked for.
    """
    with _undisturbed():
        batches = iter(loader)
    while True:
        began = time.monotonic()
        while True:
            try:
                batch = next(batches)
                break
            except StopIteration:
                return
            except RuntimeError as error:
                if "DataLoader timed out" not in str(error) or time.monotonic() - began > PATIENCE:
                    raise
        yield batch


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """The handler for the end of a child stays what it was; torch's own, set by another loader before, is taken out."""
    is_main, kind = threading.current_thread() is threading.main_thread(), getattr(signal, "SIGCHLD", None)
    before = signal.getsignal(kind) if is_main and kind else None
    try:
        yield
    finally:
        if is_main and kind:
            is_torchs = getattr(before, "__module__", "").startswith("torch.utils.data")
            signal.signal(kind, signal.SIG_DFL if is_torchs else before)
