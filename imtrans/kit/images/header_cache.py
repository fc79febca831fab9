"""The headers of many picture files; those of unchanged files are taken from a cache."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import imtrans
from imtrans.atomic_io import replace_text
from imtrans.errors import DataError, ResourceError
from imtrans.kit.images.header import ImageHeader, header
from imtrans.net.cache_dir import cache_dir

FOLDER = "headers"


def headers(paths: Sequence[str]) -> list[ImageHeader | None]:
    """The header of each picture file, in their order; None for files that are no pictures.

    They are cached by the size and time of the files, in one cache file for all of one call. A cache that
    cannot be read or written is no error: the headers are read again.
    """
    cache = _cache_file(paths)
    known = _read(cache)
    entries = {path: _entry(path, known.get(path)) for path in dict.fromkeys(paths)}
    if cache and any(entry is not None and entry is not known.get(path) for path, entry in entries.items()):
        _write(cache, entries)
    return [ImageHeader(**entry["header"]) if (entry := entries[path]) else None for path in paths]


def _entry(path: str, known: dict[str, Any] | None) -> dict[str, Any] | None:
    """What the cache holds of a file: the known entry if it is up to date, else a new one; None for no picture."""
    try:
        stat = os.stat(path)
        stamp = [stat.st_size, stat.st_mtime_ns]
        if known and known["stamp"] == stamp:
            return known
        return {"stamp": stamp, "header": dataclasses.asdict(header(Path(path)))}
    except (DataError, OSError, ValueError):
        return None


def _cache_file(paths: Iterable[str]) -> Path | None:
    folders = sorted({os.path.dirname(os.path.abspath(path)) for path in paths})
    try:
        # Another version may find other things in the same header.
        identity = "\0".join((imtrans.__version__, *folders))
        return cache_dir() / FOLDER / f"{hashlib.sha256(os.fsencode(identity)).hexdigest()[:32]}.json"
    except ResourceError:
        return None


def _read(cache: Path | None) -> dict[str, Any]:
    try:
        content = json.loads(cache.read_text(encoding="utf-8", errors="surrogateescape")) if cache else {}
        fields = {field.name for field in dataclasses.fields(ImageHeader)}
        return {k: v for k, v in content.items() if v["header"].keys() == fields} if isinstance(content, dict) else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _write(cache: Path, entries: dict[str, dict[str, Any] | None]) -> None:
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        replace_text(cache, json.dumps({path: entry for path, entry in entries.items() if entry}))
    except (OSError, ResourceError):
        return
