"""A journal file as the storage of a study, for many workers on a shared disk."""

import threading
from pathlib import Path
from typing import Any

import click
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock


class SlowNote:
    """A line on stderr if what is inside takes longer than two seconds."""

    def __init__(self, text: str) -> None:
        self._timer = threading.Timer(2.0, click.echo, [text], {"err": True})
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


class NotedLock(JournalFileSymlinkLock):
    """Optuna's lock that says when it waits: a killed process may leave it, and then it holds for 30 seconds."""

    def acquire(self) -> bool:
        """Wait for the lock."""
        with SlowNote(f"Note: waiting for {self._lock_file}; left by a killed process, it is removed after 30 s"):
            return bool(super().acquire())


def journal(path: Path) -> Any:
    """The storage in a journal file, which is made if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(path), lock_obj=NotedLock(str(path))))
