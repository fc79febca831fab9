"""What an interrupted download leaves, and how the next one takes it up."""

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from imtrans.net.file_lock import left_behind, released_name


@dataclass(frozen=True, kw_only=True)
class PartialDownload:
    """Of which file a part is: its URL (hashed, for it may hold secrets), version (ETag or date) and bytes in all."""

    url: str
    version: str
    total: int


def note(part: Path, url: str, *, version: str, total: int) -> None:
    """Say beside the part what it is of; without a version nothing can be taken up, and nothing is said."""
    told = asdict(PartialDownload(url=_hashed(url), version=version, total=total))
    if version:
        _beside(part).write_text(json.dumps(told), encoding="utf-8")


def forget(part: Path) -> None:
    """Take the part away, and what stands beside it."""
    for path in (_beside(part), part):
        path.unlink(missing_ok=True)


def release(part: Path, name: str) -> bool:
    """Leave the part to whoever fetches `name` next; False where it is of no use to them."""
    left = part.with_name(released_name(name, "part"))
    with contextlib.suppress(OSError):
        if part.stat().st_size and _beside(part).is_file():
            os.rename(_beside(part), _beside(left))
            os.rename(part, left)
            return True
    return False


def adopt(part: Path, url: str, *, name: str) -> PartialDownload | None:
    """Make what nobody on this machine works on any more of `name` into `part`; None where there is nothing of use.

    Whoever renames it first has it; parts of which nothing is known are taken away.
    """
    for left in left_behind(part.parent, name, "part"):
        with contextlib.suppress(OSError):
            os.rename(left, part)
            os.rename(_beside(left), _beside(part))
            begun = _read(part)
            if begun and begun.version and begun.url == _hashed(url):
                return begun
        forget(part)
        _beside(left).unlink(missing_ok=True)
    return None


def _read(part: Path) -> PartialDownload | None:
    try:
        told = json.loads(_beside(part).read_text(encoding="utf-8"))
        return PartialDownload(url=str(told["url"]), version=str(told["version"]), total=int(told["total"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _beside(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _hashed(url: str) -> str:
    return hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
