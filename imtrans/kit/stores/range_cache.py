"""Parts of remote files that were read, kept on this machine: at most so many bytes, the oldest go first."""

import contextlib
import hashlib
import os
from pathlib import Path

from imtrans.errors import ResourceError
from imtrans.net.cache_dir import cache_dir
from imtrans.net.file_lock import process_name

FOLDER = "ranges"
SPARE = 0.8  # of the limit that is left when the oldest parts have gone
LOOK = 64  # the folder is looked through after each so manieth part of the limit was written


class RangeCache:
    """A file for each part, in the cache folder; several processes may use it at once.

    Who reads must check what it gets: a checksum in the index of shards tells old parts of a file that was replaced.
    A cache that cannot be written keeps nothing, and is no error.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._written = limit  # so that the first part that is written looks through the folder

    def get(self, url: str, start: int, end: int) -> bytes | None:
        """The part, or None."""
        try:
            path = self._path(url, start, end)
            content = path.read_bytes()
            os.utime(path)  # the oldest go first
        except (OSError, ResourceError):
            return None
        return content if len(content) == end - start else None

    def put(self, url: str, start: int, end: int, content: bytes) -> None:
        """Keep a part."""
        if len(content) > self.limit // LOOK:
            return
        with contextlib.suppress(OSError, ResourceError):
            path = self._path(url, start, end)
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(process_name(path.name, "part"))
            part.write_bytes(content)
            os.replace(part, path)
            self._written += len(content)
            if self._written > self.limit // LOOK:
                self._written = 0
                self._make_room(path.parent.parent)

    def drop(self, url: str, start: int, end: int) -> None:
        """Forget a part, whose bytes were not those that its reader expected."""
        with contextlib.suppress(OSError, ResourceError):
            self._path(url, start, end).unlink()

    def _path(self, url: str, start: int, end: int) -> Path:
        name = hashlib.sha256(f"{url}\0{start}\0{end}".encode()).hexdigest()[:40]
        return cache_dir() / FOLDER / name[:2] / name

    def _make_room(self, folder: Path) -> None:
        files = []
        for path in folder.glob("*/*"):
            with contextlib.suppress(OSError):
                stat = path.stat()
                files.append((stat.st_mtime_ns, stat.st_size, path))
        total = sum(size for _, size, _ in files)
        if total <= self.limit * (1 - 1 / LOOK):
            return
        for _, size, path in sorted(files):
            path.unlink(missing_ok=True)
            total -= size
            if total <= self.limit * SPARE * (1 - 1 / LOOK):
                break
