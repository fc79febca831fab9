"""The loading processes: their signals, and how their hanging and their death are noticed."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

LOOK = 5  # seconds without a batch after which torch looks whether a process is dead
PATIENCE = 120  # seconds that a process may take for a batch: a network disk can hang for a minute


def reset_worker_signals(_worker: int) -> None:
    """Ignore SIGINT in a loading process, and let SIGTERM end it."""
    # Ctrl-C reaches every process of the terminal: the main one decides, and ends its workers by SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def iter_with_timeout(loader: Any) -> Iterator[Any]:
    """The batches of a torch loader whose timeout is LOOK. torch's RuntimeError when a process died or took too long.

    torch's handler of SIGCHLD would raise the death of a process in the middle of whatever the main thread does, such
    as a step half done; without it the death is raised where the next batch is asked for.
    """
    with preserve_sigchld():
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
def preserve_sigchld() -> Iterator[None]:
    """Restore the handler of SIGCHLD; torch's own, which another loader set before, is removed."""
    is_main, kind = threading.current_thread() is threading.main_thread(), getattr(signal, "SIGCHLD", None)
    before = signal.getsignal(kind) if is_main and kind else None
    try:
        yield
    finally:
        if is_main and kind:
            signal.signal(kind, before)
            clear_sigchld()


def clear_sigchld() -> None:
    """Remove a handler of SIGCHLD that torch's loader has left."""
    kind = getattr(signal, "SIGCHLD", None)
    if threading.current_thread() is not threading.main_thread() or not kind:
        return
    if getattr(signal.getsignal(kind), "__module__", "").startswith("torch.utils.data"):
        signal.signal(kind, signal.SIG_DFL)
