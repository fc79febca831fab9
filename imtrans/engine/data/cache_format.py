"""A file of equal slots, read as a memory map and written by position: header, stamps, names, then
each side in one block."""

import errno
import hashlib
import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from imtrans.interfaces import Pair

Array = np.ndarray[Any, Any]
FORMAT = b"imtrans decoded 1\n"
PAGE = 4096
MOST_HEADER = 1 << 16
KEY = 504  # bytes; a sample of a longer name is not kept
STAMP = np.dtype("<u8")
NAME = np.dtype([("checksum", "<u4"), ("length", "<u4"), ("key", "u1", KEY)])


class Side(NamedTuple):
    """One array of a slot, channels first."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, kw_only=True)
class CacheLayout:
    """How many slots, and what is in each."""

    count: int
    sides: tuple[Side, ...]

    @classmethod
    def like(cls, pair: Pair, count: int) -> "CacheLayout":
        """Slots for samples of this one's shape."""
        arrays = _sides(pair)
        sides = tuple(Side(n, a.dtype.str, (a.shape[-1], *a.shape[:-1])) for n, a in arrays.items())
        return cls(count=count, sides=sides)

    def arrays(self, pair: Pair) -> list[Array] | None:
        """What goes into a slot, channels first; None for a sample of another shape, or of too long a name."""
        made = CacheLayout.like(pair, self.count)
        if made != self or len(_text(pair.key)) > KEY:
            return None
        return [np.ascontiguousarray(np.moveaxis(a, -1, 0)) for a in _sides(pair).values()]

    @classmethod
    def told(cls, path: Path) -> "CacheLayout | None":
        """What the header of a file says; None where there is none, or none that is whole."""
        try:
            with path.open("rb") as file:
                start = file.read(MOST_HEADER)
            first, digest, told = start.split(b"\n", 3)[:3]
            if first + b"\n" != FORMAT or hashlib.sha256(told).hexdigest().encode() != digest:
                return None
            tree = json.loads(told)
            sides = tuple(Side(name, dtype, tuple(shape)) for name, dtype, shape in tree["sides"])
            return cls(count=tree["count"], sides=sides)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @property
    def header(self) -> bytes:
        """The first page, or pages: what the file is, with its own checksum."""
        told = json.dumps({"count": self.count, "sides": self.sides}).encode()
        whole = FORMAT + hashlib.sha256(told).hexdigest().encode() + b"\n" + told + b"\n"
        return whole.ljust(_paged(len(whole)), b"\0")

    @property
    def offsets(self) -> list[int]:
        """Where the stamps begin, the names, each side, and the end."""
        found = [len(self.header)]
        for size in (STAMP.itemsize, NAME.itemsize, *(side.bytes for side in self.sides)):
            found.append(_paged(found[-1] + size * self.count))
        return found

    @property
    def bytes(self) -> int:
        return self.offsets[-1]


class CacheFile:
    """An open file of this layout. `stamps`, `names` and `blocks` show what is in it now, whoever wrote it."""

    def __init__(self, descriptor: int, layout: CacheLayout) -> None:
        self.layout, self._descriptor = layout, descriptor
        with os.fdopen(os.dup(descriptor), "rb") as file:
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
    def opened(cls, path: Path, layout: CacheLayout) -> "CacheFile | None":
        """The file at `path`, to be written where that is allowed; None where it is not there, or not like this."""
        try:
            descriptor = _open(path)
        except OSError:
            return None
        try:
            header = layout.header
            if os.fstat(descriptor).st_size == layout.bytes and _start(descriptor, len(header)) == header:
                return cls(descriptor, layout)
        except (OSError, ValueError):
            pass
        os.close(descriptor)
        return None

    @classmethod
    def make(cls, path: Path, layout: CacheLayout) -> "CacheFile":
        """An empty file, its header on the disk. OSError where it cannot be written."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        _write(descriptor, layout.header, 0)
        os.ftruncate(descriptor, layout.bytes)
        os.fsync(descriptor)
        return cls(descriptor, layout)

    def key(self, index: int) -> str:
        name = self.names[index]
        return bytes(name["key"][: name["length"]]).decode("utf-8", "surrogateescape")

    def is_right(self, index: int) -> bool:
        """Whether a slot has the bytes that its stamp was written for: after a power cut it may not."""
        name = self.names[index]
        if name["length"] > KEY:
            return False
        arrays = [block[index] for block in self.blocks.values()]
        return int(name["checksum"]) == _checksum(arrays, bytes(name["key"][: name["length"]]))

    def write(self, index: int, arrays: Sequence[Array], *, key: str, stamp: int) -> None:
        """Fill a slot; its stamp goes last. OSError where that cannot be done: never through the map, for which a full
        disk would be the end of the process."""
        starts, text = self.layout.offsets, _text(key)
        for array, side, start in zip(arrays, self.layout.sides, starts[2:], strict=False):
            _write(self._descriptor, array.data.cast("B"), start + index * side.bytes)
        name = np.zeros((), NAME)
        name["checksum"], name["length"] = _checksum(arrays, text), len(text)
        name["key"][: len(text)] = np.frombuffer(text, np.uint8)
        _write(self._descriptor, name.tobytes(), starts[1] + index * NAME.itemsize)
        _write(self._descriptor, np.array(stamp, STAMP).tobytes(), starts[0] + index * STAMP.itemsize)

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file; the maps that are still looked at live on."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def __del__(self) -> None:
        self.close()


def _sides(pair: Pair) -> dict[str, Array]:
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
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        return os.open(path, os.O_RDONLY | binary)


def _start(descriptor: int, count: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    return os.read(descriptor, count)


def _write(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        if hasattr(os, "pwrite"):
            done = os.pwrite(descriptor, rest, offset)
        else:  # Windows; there loading processes have descriptors of their own
            os.lseek(descriptor, offset, os.SEEK_SET)
            done = os.write(descriptor, rest)
        rest, offset = rest[done:], offset + done
