"""Results that are made beside their place and moved there when they are whole; what a killed process left of them."""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from imtrans.atomic_io import delete_leftover, host_name, is_alive

_PARTIAL = re.compile(r"\.[0-9a-f]{8}~(?P<host>[\w-]+)~(?P<pid>\d+)\.partial(?:\..*)?")


@contextlib.contextmanager
def partial_file(target: Path) -> Iterator[Path]:
    """The path of a file of the same type beside `target`, which takes its place when the block ends, and is gone where
    the block fails: so a file that exists is one that is done. It is not synced; a missing folder is made."""
    # A short name of its own: that of the target may be as long as names can be.
    partial = target.with_name(_name() + target.suffix)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        os.replace(partial, target)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


@contextlib.contextmanager
def partial_with_name(target: Path) -> Iterator[Path]:
    """The same for a file or folder that must have the target's own name while it is made."""
    folder = target.with_name(_name())
    try:
        folder.mkdir(parents=True)
        yield folder / target.name
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(folder / target.name, target)
    finally:
        delete_leftover(folder)


def sweep_partials(folders: Iterable[Path]) -> None:
    """Delete what killed processes of this machine left of their results; of other machines nothing is known."""
    for path in [path for folder in folders if folder.is_dir() for path in folder.iterdir()]:
        match = _PARTIAL.fullmatch(path.name)
        if match and match["host"] == host_name() and not is_alive(int(match["pid"])):
            delete_leftover(path)


def _name() -> str:
    return f".{secrets.token_hex(4)}~{host_name()}~{os.getpid()}.partial"
