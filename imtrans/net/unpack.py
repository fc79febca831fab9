"""Unpacking untrusted archives: plain files and folders inside one folder, completely or not at all."""

import os
import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from imtrans.atomic_io import sync, sync_folder
from imtrans.net.archive_reader import Member, broken, members
from imtrans.net.file_lock import process_name
from imtrans.net.io_errors import map_write_errors

LEVELS, NAME_BYTES = 64, 255
# The files of data sets. Nothing that can be executed, and no archives within archives.
ALLOWED_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "ppm", "pgm", "gif", "exr", "hdr"),
        *("txt", "md", "rst", "csv", "tsv", "json", "xml", "yaml", "yml"),
    )
)
ALLOWED_NAMES = frozenset({"readme", "license", "licence", "copying", "authors"})
MAX_FSYNCS = 5_000  # files: above that one sync of all disks is faster than one fsync for each of 188,000 pictures


@dataclass
class Unpacked:
    """Counts of an unpacked archive; `left_out` counts by suffix the files of a kind that data sets do not need."""

    files: int = 0
    bytes: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def unpack(
    archive: Path,
    folder: Path,
    *,
    limit_bytes: int,
    limit_members: int = 2_000_000,
    suffixes: Collection[str] = (),
    tick: Callable[[int], None] = lambda _: None,
) -> Unpacked:
    """Make `folder`, which must not exist, from a tar, tar.gz or zip.

    `suffixes` (".bin") are unpacked besides those of pictures and texts. `tick` is called with the number of members
    done. DataError names the member that is not a regular file or folder with a name that is valid and unique on every
    system, or that exceeds a limit of bytes or members; ResourceError for the disk. Then nothing is left. Modes and
    times in the archive are ignored.
    """
    stage = folder.with_name(process_name(folder.name, "tmp"))
    try:
        with map_write_errors(folder):
            stage.mkdir(parents=True)
        job = _Unpacking(archive, stage, limit_bytes, limit_members, ALLOWED_SUFFIXES | {s.lower() for s in suffixes})
        for member in members(archive, limit_bytes=limit_bytes, limit_members=limit_members):
            job.take(member)
            tick(job.count)
        if not job.unpacked.files:
            raise broken(archive, "it holds no pictures, tables or texts")
        with map_write_errors(folder):
            fsync_tree(stage, files=job.unpacked.files)
            os.rename(stage, folder)
            sync_folder(folder.parent)
        return job.unpacked
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def fsync_tree(folder: Path, *, files: int) -> None:
    """Wait until a folder tree is on the disk; `files` is their approximate number."""
    if files > MAX_FSYNCS and hasattr(os, "sync"):
        os.sync()
        return
    for root, _, names in os.walk(folder):
        for name in names:
            sync(Path(root, name))
        sync_folder(Path(root))


@dataclass
class _Unpacking:
    archive: Path
    stage: Path
    limit_bytes: int
    limit_members: int
    suffixes: Collection[str]
    unpacked: Unpacked = field(default_factory=Unpacked)
    names: dict[str, tuple[str, bool]] = field(default_factory=dict)  # by folded name: exact name, whether a folder
    count: int = 0
    streamed: int = 0

    def take(self, member: Member) -> None:
        self.count += 1
        if self.count > self.limit_members:
            raise broken(self.archive, f"more than {self.limit_members:,} members")
        parts = self._parts(member.name)
        if not parts:
            if member.is_folder:
                return
            raise broken(self.archive, "has no name", member=member.name)
        self._register(parts, member)
        if member.is_folder:
            self._folder(parts)
        elif _is_allowed(parts[-1], self.suffixes):
            self._write(self._folder(parts[:-1]) / parts[-1], member)
            self.unpacked.files += 1
        else:
            self.unpacked.left_out[Path(parts[-1]).suffix.lower() or "no suffix"] += 1
            for _ in self._counted(member):  # its bytes count towards the limit
                pass

    def _parts(self, name: str) -> list[str]:
        if fault := _fault(name):
            raise broken(self.archive, fault, member=name)
        return [p for p in name.split("/") if p not in ("", ".")]

    def _register(self, parts: list[str], member: Member) -> None:
        """Refuse a name that is the same file as another member's on some system."""
        for depth in range(1, len(parts) + 1):
            exact, is_folder = "/".join(parts[:depth]), depth < len(parts) or member.is_folder
            # macOS and Windows ignore case, and macOS composes accents: two names may be one file there.
            key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", exact).casefold())
            if key not in self.names:
                self.names[key] = (exact, is_folder)
                continue
            earlier, was_folder = self.names[key]
            if earlier != exact:
                raise broken(self.archive, f"differs from {earlier!r} in case or accents alone", member=member.name)
            if not (is_folder and was_folder):
                raise broken(self.archive, "is there twice", member=member.name)

    def _folder(self, parts: list[str]) -> Path:
        path = self.stage.joinpath(*parts)
        with map_write_errors(path):
            path.mkdir(parents=True, exist_ok=True)
        return path

    def _write(self, path: Path, member: Member) -> None:
        with map_write_errors(path), path.open("xb") as file:
            for data in self._counted(member):
                file.write(data)
                self.unpacked.bytes += len(data)

    def _counted(self, member: Member) -> Iterator[bytes]:
        for data in member.chunks():
            self.streamed += len(data)
            if self.streamed > self.limit_bytes:
                raise broken(self.archive, f"more than {self.limit_bytes:,} bytes come out of it", member=member.name)
            yield data


def _fault(name: str) -> str:
    """What is wrong with a member's name, or the empty string."""
    parts = name.split("/")
    faults = {
        "holds a NUL": "\0" in name,
        "is an absolute path": name.startswith("/"),
        "holds a backslash": "\\" in name,
        "begins with a drive letter": bool(re.match(r"[A-Za-z]:", name)),
        "leads out of its folder": ".." in parts,
        f"is more than {LEVELS} levels deep": len(parts) > LEVELS,
        f"has a name of more than {NAME_BYTES} bytes": any(
            len(p.encode("utf-8", "surrogateescape")) > NAME_BYTES for p in parts
        ),
    }
    return next((fault for fault, is_so in faults.items() if is_so), "")


def _is_allowed(name: str, suffixes: Collection[str]) -> bool:
    stem, suffix = os.path.splitext(name.lower())
    # "._": macOS writes such a file of metadata beside each picture, with the suffix of the picture.
    return not name.startswith("._") and (suffix in suffixes or (not suffix and stem in ALLOWED_NAMES))
