"""A cache file of equal slots, read as a memory map and written by position: header, stamps, names, then each side in
one block."""

import errno
import hashlib
import json
import os
import weakref
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imtrans.interfaces import Pair
from imtrans.kit.images import Array

FORMAT = b"imtrans decoded 1\n"
PAGE = 4096
MAX_HEADER = 1 << 16
KEY = 504  # bytes, so that a name takes 512 in all; a sample of a longer name is not cached
STAMP = np.dtype("<u8")
NAME = np.dtype([("checksum", "<u4"), ("length", "<u4"), ("key", "u1", KEY)])


class Side(NamedTuple):
    """One array of a slot, channels first."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """The size of this side in one slot."""
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, kw_only=True)
class CacheLayout:
    """How many slots a file has, and what each holds."""

    count: int
    sides: tuple[Side, ...]

    @classmethod
    def like(cls, pair: Pair, count: int) -> "CacheLayout":
        """Slots for samples of this one's shape."""
        arrays = _arrays(pair)
        sides = tuple(Side(n, a.dtype.str, (a.shape[-1], *a.shape[:-1])) for n, a in arrays.items())
        return cls(count=count, sides=sides)

    def arrays(self, pair: Pair) -> list[Array] | None:
        """What goes into a slot, channels first; None for a sample of another shape, or of too long a name."""
        if CacheLayout.like(pair, self.count) != self or len(_text(pair.key)) > KEY:
            return None
        return [np.ascontiguousarray(np.moveaxis(a, -1, 0)) for a in _arrays(pair).values()]

    @classmethod
    def from_file(cls, path: Path) -> "CacheLayout | None":
        """The layout in the header of a file; None where there is no file, or no intact header."""
        try:
            with path.open("rb") as file:
                start = file.read(MAX_HEADER)
            first, digest, text = start.split(b"\n", 3)[:3]
            if first + b"\n" != FORMAT or hashlib.sha256(text).hexdigest().encode() != digest:
                return None
            tree = json.loads(text)
            sides = tuple(Side(name, dtype, tuple(shape)) for name, dtype, shape in tree["sides"])
            return cls(count=tree["count"], sides=sides)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def header(self) -> bytes:
        """The first page, or pages: the layout with a checksum."""
        text = json.dumps({"count": self.count, "sides": self.sides}).encode()
        header = FORMAT + hashlib.sha256(text).hexdigest().encode() + b"\n" + text + b"\n"
        return header.ljust(_paged(len(header)), b"\0")

    @property
    def offsets(self) -> list[int]:
        """Where the stamps begin, the names, each side, and the end."""
        offsets = [len(self.header)]
        for size in (STAMP.itemsize, NAME.itemsize, *(side.bytes for side in self.sides)):
            offsets.append(_paged(offsets[-1] + size * self.count))
        return offsets

    @property
    def bytes(self) -> int:
        """The size of the whole file."""
        return self.offsets[-1]


class CacheFile:
    """An open file of this layout. `stamps`, `names` and `blocks` show what is in it now, whoever wrote it."""

    def __init__(self, descriptor: int, layout: CacheLayout) -> None:
        self.layout, self._descriptor = layout, descriptor
        # Not __del__: at the end of the interpreter the modules that it calls may be gone.
        self._finalizer = weakref.finalize(self, os.close, descriptor)
        with os.fdopen(os.dup(descriptor), "rb") as file:
            # A plain array: each slice of a np.memmap would be a memmap, which is slow to make.
            whole = np.asarray(np.memmap(file, np.uint8, mode="r", shape=(layout.bytes,)))
        starts = layout.offsets
        self.stamps, self.names = (
            whole[start : start + kind.itemsize * layout.count].view(kind)
            for kind, start in zip((STAMP, NAME), starts, strict=False)
        )
        self.blocks = {
            side.name: whole[start : start + side.bytes * layout.count].view(side.dtype).reshape(-1, *side.shape)
            for side, start in zip(layout.sides, starts[2:], strict=False)
        }

    @classmethod
    def open(cls, path: Path, layout: CacheLayout) -> "CacheFile | None":
        """The file at `path`, writable where that is allowed; None where there is none, or none of this layout."""
        try:
            descriptor = _open(path)
        except OSError:
            return None
        try:
            header = layout.header
            if os.fstat(descriptor).st_size == layout.bytes and _read_start(descriptor, len(header)) == header:
                return cls(descriptor, layout)
        except (OSError, ValueError):
            pass
        os.close(descriptor)
        return None

    @classmethod
    def make(cls, path: Path, layout: CacheLayout) -> "CacheFile":
        """Make an empty file, its header synced to disk. OSError where it cannot be written."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        _write(descriptor, layout.header, 0)
        os.ftruncate(descriptor, layout.bytes)
        os.fsync(descriptor)
        return cls(descriptor, layout)

    def key(self, index: int) -> str:
        """The key of the sample in a slot."""
        name = self.names[index]
        return bytes(name["key"][: name["length"]]).decode("utf-8", "surrogateescape")

    def is_right(self, index: int) -> bool:
        """Whether a slot holds the bytes that its stamp was written for: after a power cut it may not."""
        name = self.names[index]
        # A block that never reached the disk can hold anything, also here.
        if name["length"] > KEY:
            return False
        arrays = [block[index] for block in self.blocks.values()]
        return int(name["checksum"]) == _checksum(arrays, bytes(name["key"][: name["length"]]))

    def write(self, index: int, arrays: Sequence[Array], *, key: str, stamp: int) -> None:
        """Fill a slot, its stamp last. OSError where it cannot be written."""
        # Never through the map: on a full disk that ends the process with SIGBUS.
        starts, text = self.layout.offsets, _text(key)
        for array, side, start in zip(arrays, self.layout.sides, starts[2:], strict=False):
            _write(self._descriptor, array.data.cast("B"), start + index * side.bytes)
        name = np.zeros((), NAME)
        name["checksum"], name["length"] = _checksum(arrays, text), len(text)
        name["key"][: len(text)] = np.frombuffer(text, np.uint8)
        _write(self._descriptor, name.tobytes(), starts[1] + index * NAME.itemsize)
        _write(self._descriptor, np.array(stamp, STAMP).tobytes(), starts[0] + index * STAMP.itemsize)

    def sync(self) -> None:
        """Wait until all that was written is on disk. OSError where it is not."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file; the maps that are still in use stay valid."""
        self._finalizer()
        self._descriptor = -1


def _arrays(pair: Pair) -> dict[str, Array]:
    return {"source": pair.source, "target": pair.target, **{f"extras.{k}": v for k, v in pair.extras.items()}}


def _text(key: str) -> bytes:
    return key.encode("utf-8", "surrogateescape")


def _checksum(arrays: Sequence[Array], text: bytes) -> int:
    value = zlib.crc32(text)
    for array in arrays:
        value = zlib.crc32(array.data, value)
    return value


def _paged(size: int) -> int:
    return -(-size // PAGE) * PAGE


def _open(path: Path) -> int:
    binary = getattr(os, "O_BINARY", 0)
    try:
        return os.open(path, os.O_RDWR | binary)
    except OSError as error:
        # A cache of another user, or on a read-only disk, can still be read.
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        return os.open(path, os.O_RDONLY | binary)


def _read_start(descriptor: int, count: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, count)


def _write(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    # The system may write less than it is given.
    rest = memoryview(data)
    while rest:
        if hasattr(os, "pwrite"):
            done = os.pwrite(descriptor, rest, offset)
        else:  # Windows; there loading processes have descriptors of their own
            os.lseek(descriptor, offset, os.SEEK_SET)
            done = os.write(descriptor, rest)
        rest, offset = rest[done:], offset + done
