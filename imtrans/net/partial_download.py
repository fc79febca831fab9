"""What an interrupted download leaves, and how the next one continues it."""

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from imtrans.net.file_lock import left_behind, released_name


@dataclass(frozen=True, kw_only=True)
class PartialDownload:
    """The record beside a part: URL (hashed, as it may hold secrets), version (ETag or date) and size in bytes."""

    url: str
    version: str
    total: int


def note(part: Path, url: str, *, version: str, total: int) -> None:
    """Write the record beside the part; without a version a part cannot be continued, and nothing is written."""
    record = PartialDownload(url=_hashed(url), version=version, total=total)
    if version:
        _record_path(part).write_text(json.dumps(asdict(record)), encoding="utf-8")


def forget(part: Path) -> None:
    """Delete the part and its record."""
    for path in (_record_path(part), part):
        path.unlink(missing_ok=True)


def release(part: Path, name: str) -> bool:
    """Keep the part for the next download of `name`; False if it is empty or has no record."""
    released = part.with_name(released_name(name, "part"))
    with contextlib.suppress(OSError):
        if part.stat().st_size and _record_path(part).is_file():
            # The record first: a part without one would be deleted by the next download.
            os.rename(_record_path(part), _record_path(released))
            os.rename(part, released)
            return True
    return False


def adopt(part: Path, url: str, *, name: str) -> PartialDownload | None:
    """Rename an unfinished part of `name` that no process on this machine uses to `part`; None if there is none.

    Parts of another URL or without a record are deleted.
    """
    for orphan in left_behind(part.parent, name, "part"):
        with contextlib.suppress(OSError):
            # Of several processes only one succeeds in renaming it.
            os.rename(orphan, part)
            os.rename(_record_path(orphan), _record_path(part))
            partial = _read(part)
            if partial and partial.version and partial.url == _hashed(url):
                return partial
        forget(part)
        _record_path(orphan).unlink(missing_ok=True)
    return None


def _read(part: Path) -> PartialDownload | None:
    try:
        record = json.loads(_record_path(part).read_text(encoding="utf-8"))
        return PartialDownload(url=str(record["url"]), version=str(record["version"]), total=int(record["total"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _record_path(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _hashed(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
