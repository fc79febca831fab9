"""Taking turns: so that two processes do not do the same work. Nothing may rely on it."""

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from imtrans.atomic_io import is_alive

FORGOTTEN = 300.0  # seconds without a sign of life, after which a turn counts as left
RELEASED = 0  # stands for the process where none works on it any more
_OWN = re.compile(r"\.(?P<name>.+)\.(?P<host>[^~]+)~(?P<pid>\d+)~[0-9a-f]{8}\.(?P<kind>part|part\.json|tmp)", re.DOTALL)


def process_name(name: str, kind: str) -> str:
    """A hidden name for work on `name` that no other process has; `sweep` knows it again. `kind`: part or tmp."""
    return f".{name}.{_host()}~{os.getpid()}~{secrets.token_hex(4)}.{kind}"


def released_name(name: str, kind: str) -> str:
    """As `own_name`, for work that whoever comes next on this machine may take up."""
    return f".{name}.{_host()}~{RELEASED}~{secrets.token_hex(4)}.{kind}"


def left_behind(folder: Path, name: str, kind: str) -> list[Path]:
    """What nobody on this machine works on any more, made under exactly this name, newest first."""
    found = [(p, _OWN.fullmatch(p.name)) for p in _paths(folder)]
    mine = [p for p, told in found if told and (told["name"], told["kind"]) == (name, kind) and _is_orphan(told)]
    return sorted(mine, key=_age)


def sweep(folder: Path, name: str, *, kinds: Sequence[str] = ("part", "part.json", "tmp")) -> None:
    """Take away what processes that died on this machine have left of their work on `name`."""
    for path in _paths(folder):
        found = _OWN.fullmatch(path.name)
        if not found or found["kind"] not in kinds or not _is_of(found["name"], name) or not _is_orphan(found):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink()


@contextlib.contextmanager
def file_lock(path: Path, *, poll: float = 0.2, forgotten: float = FORGOTTEN) -> Iterator[Callable[[], None]]:
    """Wait while another process holds the lock file; gives a sign of life to call from time to time.

    The lock of a dead process, or of one that gave no sign for long, is taken over. Where files cannot be made
    exclusively (some network folders) two may hold it at once.
    """
    while not _taken(path):
        if _is_left(path, forgotten):
            path.unlink(missing_ok=True)
        else:
            time.sleep(poll)
    try:
        yield lambda: _sign(path)
    finally:
        if _holder(path) == (_host(), os.getpid()):
            path.unlink(missing_ok=True)


def _paths(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _is_orphan(found: re.Match[str]) -> bool:
    pid = int(found["pid"])
    return found["host"] == _host() and (pid == RELEASED or not is_alive(pid))


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:  # taken up by another process meanwhile
        return 0.0


def _is_of(found: str, name: str) -> bool:
    return found.lstrip(".") == name or found.lstrip(".").startswith(f"{name}.")


def _taken(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    except OSError:  # no lock then; what cannot be written will be told by the work itself
        return True
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"host": _host(), "pid": os.getpid()}, file)
    return True


def _sign(path: Path) -> None:
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > FORGOTTEN / 30:
            os.utime(path)


def _is_left(path: Path, forgotten: float) -> bool:
    try:
        age = time.time() - path.stat().st_mtime
    except OSError:
        return False
    holder = _holder(path)
    return age > forgotten or (holder is not None and holder[0] == _host() and not is_alive(holder[1]))


def _holder(path: Path) -> tuple[str, int] | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return str(told["host"]), int(told["pid"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _host() -> str:
    return re.sub(r"[^\w-]", "-", socket.gethostname()) or "host"
