"""The headers of many picture files; those of unchanged files are taken from a cache."""

import hashlib
import json
import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path

import imtrans
from imtrans.atomic_io import replace_text
from imtrans.errors import DataError, ResourceError
from imtrans.kit.images.header import ImageHeader, header
from imtrans.net.cache_dir import cache_dir

FOLDER = "headers"
FIELDS = [field.name for field in fields(ImageHeader)]
Entry = tuple[int, int, ImageHeader]  # size and time of a file, and its header


def headers(paths: Sequence[str], *, until: float = math.inf) -> list[ImageHeader | None]:
    """The header of each picture file, in their order; None for files that are no pictures.

    They are cached by the size and time of the files, in one cache file for each set of folders. A cache that cannot be
    read or written is no error: the headers are read again. Files that the cache does not hold are read only `until`
    this value of `time.monotonic`; those left are None, too. Equal headers from the cache are one object.
    """
    cache = _cache_file(paths)
    known = _read(cache)
    entries = {path: _entry(path, known.get(path), until) for path in dict.fromkeys(paths)}
    if cache and any(entry is not None and entry is not known.get(path) for path, entry in entries.items()):
        # Others of these folders stay: one split is asked for here, and all splits there.
        others = {path: entry for path, entry in known.items() if path not in entries and os.path.exists(path)}
        _write(cache, others | entries)
    return [entry[2] if (entry := entries[path]) else None for path in paths]


def _entry(path: str, known: Entry | None, until: float) -> Entry | None:
    """What the cache holds of a file: the known entry if it is up to date, else a new one; None for no picture."""
    try:
        stat = os.stat(path)
        if known and known[0] == stat.st_size and known[1] == stat.st_mtime_ns:
            return known
        return (stat.st_size, stat.st_mtime_ns, header(Path(path))) if time.monotonic() < until else None
    except (DataError, OSError, ValueError):
        return None


def _cache_file(paths: Iterable[str]) -> Path | None:
    # With the separator, which abspath takes away: os.path.dirname of each takes five times as long.
    cut = os.path.dirname if os.altsep else lambda path: path[: path.rfind(os.sep) + 1]
    folders = sorted({os.path.abspath(folder) for folder in set(map(cut, paths))})
    try:
        # Another version may find other things in the same header.
        identity = "\0".join((imtrans.__version__, *folders))
        return cache_dir() / FOLDER / f"{hashlib.sha256(os.fsencode(identity)).hexdigest()[:32]}.json"
    except ResourceError:
        return None


def _read(cache: Path | None) -> dict[str, Entry]:
    try:
        content = json.loads(cache.read_text(encoding="utf-8", errors="surrogateescape")) if cache else {}
        if content["fields"] != FIELDS:
            return {}
        found = [ImageHeader(**dict(zip(FIELDS, values, strict=True))) for values in content["headers"]]
        return {path: (size, time_, found[i]) for path, (size, time_, i) in content["files"].items()}
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return {}


def _write(cache: Path, entries: Mapping[str, Entry | None]) -> None:
    # Thousands of files have one header: it is written once.
    numbers: dict[ImageHeader, int] = {}
    files = {p: [*e[:2], numbers.setdefault(e[2], len(numbers))] for p, e in entries.items() if e}
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        content = {"fields": FIELDS, "headers": [*map(astuple, numbers)], "files": files}
        replace_text(cache, json.dumps(content))
    except (OSError, ResourceError):
        return
