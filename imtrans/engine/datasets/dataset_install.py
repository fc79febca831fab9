"""From archives to the shelf: unpacked or prepared, counted, recorded, and only then put in place."""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imtrans.atomic_io import sync, sync_folder
from imtrans.errors import DataError
from imtrans.kit import formats
from imtrans.kit.dataset_paths import folder_of, present
from imtrans.net.file_lock import process_name
from imtrans.net.io_errors import map_write_errors
from imtrans.plugins.component import Archive

# Pictures hardly grow when they are unpacked; a bomb grows a thousandfold.
GROWTH, SMALL = 10, 64 << 20
DEPTH = 4  # folders that an archive may have around the one with the splits


def most_bytes(archive: Path, plan: Archive) -> int:
    """How many bytes may come out of an archive."""
    return int(plan.unpacked * 1.1) if plan.unpacked else max(archive.stat().st_size * GROWTH, SMALL)


def install(name: str, unpacked: Path, plan: Archive, record: Mapping[str, Any]) -> None:
    """Put what was unpacked in its place in the cache, with its record; DataError unless the counts are right."""
    root = _root(unpacked, plan)
    check_counts(name, root, plan)
    _remember(name, record)
    try:
        os.rename(root, folder_of(name))
    except OSError:
        if not present(name):
            raise
    sync_folder(folder_of(name).parent)


def record_of(name: str) -> Mapping[str, Any]:
    """What is known of the archive that a data set came from: url, sha256, bytes; empty if it was not fetched."""
    try:
        told = json.loads(record_path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def record_path(name: str) -> Path:
    """Where the record of a data set lies."""
    return folder_of(name).with_name(f"{name}.json")


def check_counts(name: str, root: Path, plan: Archive) -> None:
    """DataError unless a folder holds as many samples of each split as the declaration says."""
    found = {split: _count(root, plan.split_globs.get(split, split), plan.record_bytes) for split in plan.counts}
    if found != dict(plan.counts):
        told, wanted = (", ".join(f"{s} {n:,}" for s, n in each.items()) for each in (found, plan.counts))
        hint = f"Nothing was kept. If its publisher has changed it, unpack it yourself: --data-root DIR (DIR/{name})."
        raise DataError(f"data set {name!r}: its archive holds {told} pictures, not {wanted}", hint=hint)


def _root(folder: Path, plan: Archive) -> Path:
    """The folder in which every split is found, outermost first; the unpacked one where there is none."""
    places = [plan.split_globs.get(split, split) for split in (plan.counts or ("train",))]
    level = [folder]
    for _ in range(DEPTH):
        whole = next((f for f in level if all(any(f.glob(p)) for p in places)), None)
        if whole:
            return whole
        level = [inner for outer in level for inner in _folders(outer)]
    return folder


def _count(root: Path, place: str, record: int) -> int:
    """The samples of a split: records of its files; else its pictures, or those of one side where they lie apart."""
    if record:
        return sum(p.stat().st_size // record for p in root.glob(place) if p.is_file())
    own = [sum(formats.is_picture(p.name) for p in f.iterdir()) for f in _with_inner(root.glob(place)) if f.is_dir()]
    return max(own, default=0)


def _with_inner(folders: Iterator[Path]) -> Iterator[Path]:
    for folder in folders:
        yield folder
        yield from _folders(folder)


def _folders(folder: Path) -> Sequence[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []


def _remember(name: str, record: Mapping[str, Any]) -> None:
    own = folder_of(name).with_name(process_name(name, "tmp"))  # swept if this process is killed here
    with map_write_errors(own):
        own.write_text(json.dumps({**record, "fetched": time.strftime("%Y-%m-%d")}, indent=1) + "\n", encoding="utf-8")
        sync(own)
        os.replace(own, record_path(name))
