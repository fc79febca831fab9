"""The headers of many picture files; those of unchanged files are taken from a cache."""

import hashlib
import json
import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import imtrans
from imtrans.atomic_io import replace_text
from imtrans.errors import DataError, ResourceError
from imtrans.kit.images.header import ImageHeader, header
from imtrans.net.cache_dir import cache_dir

FOLDER = "headers"
FIELDS = [field.name for field in fields(ImageHeader)]
Entry = list[Any]  # size and time of a file, then the fields of its header


def headers(paths: Sequence[str], *, until: float = math.inf) -> list[ImageHeader | None]:
    """The header of each picture file, in their order; None for files that are no pictures.

    They are cached by the size and time of the files, in one cache file for each set of folders. A cache that cannot be
    read or written is no error: the headers are read again. Files that the cache does not hold are read only `until`
    this value of `time.monotonic`; those left are None, too.
    """
    cache = _cache_file(paths)
    known = _read(cache)
    entries = {path: _entry(path, known.get(path), until) for path in dict.fromkeys(paths)}
    if cache and any(entry is not None and entry is not known.get(path) for path, entry in entries.items()):
        # Others of these folders stay: one split is asked for here, and all splits there.
        others = {path: entry for path, entry in known.items() if path not in entries and os.path.exists(path)}
        _write(cache, others | entries)
    return [
        ImageHeader(**dict(zip(FIELDS, entry[2:], strict=True))) if (entry := entries[path]) else None for path in paths
    ]


def _entry(path: str, known: Entry | None, until: float) -> Entry | None:
    """What the cache holds of a file: the known entry if it is up to date, else a new one; None for no picture."""
    try:
        stat = os.stat(path)
        stamp = [stat.st_size, stat.st_mtime_ns]
        if known and known[:2] == stamp:
            return known
        return [*stamp, *astuple(header(Path(path)))] if time.monotonic() < until else None
    except (DataError, OSError, ValueError):
        return None


def _cache_file(paths: Iterable[str]) -> Path | None:
    folders = sorted({os.path.abspath(folder) for folder in {os.path.dirname(path) for path in paths}})
    try:
        # Another version may find other things in the same header.
        identity = "\0".join((imtrans.__version__, *folders))
        return cache_dir() / FOLDER / f"{hashlib.sha256(os.fsencode(identity)).hexdigest()[:32]}.json"
    except ResourceError:
        return None


def _read(cache: Path | None) -> dict[str, Entry]:
    try:
        content = json.loads(cache.read_text(encoding="utf-8", errors="surrogateescape")) if cache else {}
        files = content["files"] if content["fields"] == FIELDS else {}
        return {path: entry for path, entry in files.items() if len(entry) == len(FIELDS) + 2}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _write(cache: Path, entries: Mapping[str, Entry | None]) -> None:
    files = {path: entry for path, entry in entries.items() if entry}
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        replace_text(cache, json.dumps({"fields": FIELDS, "files": files}))
    except (OSError, ResourceError):
        return
