"""A lock file, so that two processes do not do the same work twice. Correctness must not rely on it.

On network folders it can fail (no exclusive creation), and a lock of another host is taken over after a time.
"""

import contextlib
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from imtrans.atomic_io import delete_leftover, host_name, is_alive

STALE = 300.0  # seconds without a sign of life after which a lock is taken over: the holder may be on another host
RELEASED = 0  # in place of a process id: no process works on it any more
_TEMPORARY = re.compile(
    r"\.(?P<name>.+)\.(?P<host>[^~]+)~(?P<pid>\d+)~[0-9a-f]{8}\.(?P<kind>part|part\.json|tmp)", re.DOTALL
)


def process_name(name: str, kind: str) -> str:
    """A hidden temporary name for work on `name`, unique to this process; `sweep` finds it. `kind`: part or tmp."""
    return f".{name}.{host_name()}~{os.getpid()}~{secrets.token_hex(4)}.{kind}"


def released_name(name: str, kind: str) -> str:
    """As `process_name`, for work that the next process on this machine may continue."""
    return f".{name}.{host_name()}~{RELEASED}~{secrets.token_hex(4)}.{kind}"


def left_behind(folder: Path, name: str, kind: str) -> list[Path]:
    """The temporary files for exactly this name that no process on this machine uses any more, newest first."""
    matches = [(p, _TEMPORARY.fullmatch(p.name)) for p in _paths(folder)]
    orphans = [p for p, m in matches if m and (m["name"], m["kind"]) == (name, kind) and _is_orphan(m)]
    return sorted(orphans, key=_age)


def sweep(folder: Path, name: str, *, kinds: Sequence[str] = ("part", "part.json", "tmp")) -> None:
    """Delete the temporary files and folders for `name` that dead processes of this machine left."""
    for path in _paths(folder):
        match = _TEMPORARY.fullmatch(path.name)
        if match and match["kind"] in kinds and _belongs_to(match["name"], name) and _is_orphan(match):
            delete_leftover(path)


@contextlib.contextmanager
def file_lock(path: Path, *, poll: float = 0.2, stale: float = STALE) -> Iterator[Callable[[], None]]:
    """Wait until no other process holds the lock file; yields a function to call now and then as a sign of life.

    The lock of a dead process, or of one that gave no sign for `stale` seconds, is taken over. Where files cannot be
    created exclusively (some network folders) two processes may hold it at once. `poll` is in seconds.
    """
    while not _acquire(path):
        if _is_stale(path, stale):
            path.unlink(missing_ok=True)
        else:
            time.sleep(poll)
    try:
        yield lambda: _touch(path)
    finally:
        # Another process may have taken over a lock that gave no sign of life.
        if _holder(path) == (host_name(), os.getpid()):
            path.unlink(missing_ok=True)


def _paths(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _is_orphan(match: re.Match[str]) -> bool:
    # Of another host nothing is known: the cache may be on a network disk.
    pid = int(match["pid"])
    return match["host"] == host_name() and (pid == RELEASED or not is_alive(pid))


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:  # another process has renamed it meanwhile
        return 0.0


def _belongs_to(target: str, name: str) -> bool:
    """Whether a file is that of `name`, or an archive beside it (.NAME.12345678.tar)."""
    return target.lstrip(".") == name or target.lstrip(".").startswith(f"{name}.")


def _acquire(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    except OSError:  # no lock then: the work itself reports what cannot be written
        return True
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"host": host_name(), "pid": os.getpid()}, file)
    return True


def _touch(path: Path) -> None:
    with contextlib.suppress(OSError):
        # Not at every call: a download calls it for each block of 64 KiB.
        if time.time() - path.stat().st_mtime > STALE / 30:
            os.utime(path)


def _is_stale(path: Path, stale: float) -> bool:
    try:
        age = time.time() - path.stat().st_mtime
    except OSError:
        return False
    holder = _holder(path)
    return age > stale or (holder is not None and holder[0] == host_name() and not is_alive(holder[1]))


def _holder(path: Path) -> tuple[str, int] | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return str(record["host"]), int(record["pid"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
