"""Installation of an unpacked data set in the cache: counted, recorded, and only then renamed to its final place."""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imtrans.atomic_io import read_json, sync, sync_folder
from imtrans.errors import DataError
from imtrans.kit import formats
from imtrans.kit.dataset_paths import folder_of, present
from imtrans.net.file_lock import process_name
from imtrans.net.io_errors import map_write_errors
from imtrans.plugins.component import Archive

# Archives of pictures hardly grow when they are unpacked; a decompression bomb grows a thousandfold.
MAX_GROWTH, SMALL = 10, 64 << 20
DEPTH = 4  # levels of folders that an archive may have around the one with the splits


def most_bytes(archive: Path, plan: Archive) -> int:
    """How many bytes an archive may contain, unpacked."""
    return int(plan.unpacked * 1.1) if plan.unpacked else max(archive.stat().st_size * MAX_GROWTH, SMALL)


def install(name: str, unpacked: Path, plan: Archive, record: Mapping[str, Any]) -> None:
    """Move an unpacked data set to its place in the cache and write its record; DataError unless the counts match."""
    root = _root(unpacked, plan)
    check_counts(name, root, plan)
    _write_record(name, record)
    try:
        os.rename(root, folder_of(name))
    except OSError:
        # Another process may have installed it meanwhile, where the lock does not work.
        if not present(name):
            raise
    sync_folder(folder_of(name).parent)


def record_of(name: str) -> Mapping[str, Any]:
    """The record of the archive of a data set: URL, sha256, date; empty if it was not downloaded."""
    return read_json(record_path(name))


def record_path(name: str) -> Path:
    """The path of the record of a data set."""
    return folder_of(name).with_name(f"{name}.json")


def check_counts(name: str, root: Path, plan: Archive) -> None:
    """Raise DataError unless a folder holds as many samples of each split as declared."""
    counts = {split: _count(root, plan.split_globs.get(split, split), plan.record_bytes) for split in plan.counts}
    if counts != dict(plan.counts):
        got, expected = (", ".join(f"{s} {n:,}" for s, n in each.items()) for each in (counts, plan.counts))
        hint = f"Nothing was kept. If its publisher has changed it, unpack it yourself: --data-root DIR (DIR/{name})."
        raise DataError(f"data set {name!r}: its archive holds {got} pictures, not {expected}", hint=hint)


def _root(folder: Path, plan: Archive) -> Path:
    """The outermost folder that holds all splits; the unpacked one if there is none."""
    patterns = [plan.split_globs.get(split, split) for split in (plan.counts or ("train",))]
    level = [folder]
    for _ in range(DEPTH):
        root = next((f for f in level if all(any(f.glob(p)) for p in patterns)), None)
        if root:
            return root
        level = [inner for outer in level for inner in _folders(outer)]
    return folder


def _count(root: Path, pattern: str, record_bytes: int) -> int:
    """The samples of a split: records of its files, or pictures of its largest folder."""
    if record_bytes:
        return sum(p.stat().st_size // record_bytes for p in root.glob(pattern) if p.is_file())
    # The largest, not the sum: source and target may lie in two folders.
    folders = [f for f in _with_inner(root.glob(pattern)) if f.is_dir()]
    return max((sum(formats.is_picture(p.name) for p in f.iterdir()) for f in folders), default=0)


def _with_inner(folders: Iterator[Path]) -> Iterator[Path]:
    for folder in folders:
        yield folder
        yield from _folders(folder)


def _folders(folder: Path) -> Sequence[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []


def _write_record(name: str, record: Mapping[str, Any]) -> None:
    # Not atomic_io.replace_text: the cache may be on a network disk, and only this name holds the host, so that
    # `file_lock.sweep` on another host leaves the file alone.
    temporary = folder_of(name).with_name(process_name(name, "tmp"))
    with map_write_errors(temporary):
        temporary.write_text(
            json.dumps({**record, "fetched": time.strftime("%Y-%m-%d")}, indent=1) + "\n", encoding="utf-8"
        )
        sync(temporary)
        os.replace(temporary, record_path(name))
