"""Where each sample lies in a shard: a file beside it, of numbers that are used as they are read."""

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from imtrans.errors import DataError

Array = np.ndarray[Any, Any]
MAGIC = b"imtrans shard index\n"
SUFFIX = ".idx"
HEAD, TAIL = struct.Struct("<I"), struct.Struct("<I")
ALIGNED = 8
REPAIR = "Copy the index again, or pack the set again."


@dataclass(frozen=True, kw_only=True)
class ShardIndex:
    """The samples of one tar file of `size` bytes: for each sample and side where its bytes begin, how many they are,
    and their CRC-32, (N, sides); `kinds` are the suffixes that its members have, of which `kind` (N, sides) is one.
    `cut` (N, sides) says which part of the picture the side is, where one file holds both: `members.CUTS`.

    Keys, and the names of groups where they are not the keys, are UTF-8 one after the other: `*_ends` says where.
    """

    shard: str
    size: int
    sides: Sequence[str]
    kinds: Sequence[str]
    offset: Array
    length: Array
    checksum: Array
    kind: Array
    cut: Array
    keys: Array
    key_ends: Array
    groups: Array = field(default_factory=lambda: np.zeros(0, np.uint8))
    group_ends: Array = field(default_factory=lambda: np.zeros(0, np.uint64))

    def __len__(self) -> int:
        return len(self.key_ends)

    def key(self, row: int) -> str:
        """The key of a sample."""
        return _text(self.keys, self.key_ends, row)

    def group(self, row: int) -> str:
        """The name of a sample's group."""
        return _text(self.groups, self.group_ends, row) if len(self.group_ends) else self.key(row)

    def span(self, row: int) -> tuple[int, int]:
        """Where the bytes of all sides of a sample begin, and where they end."""
        places = [*zip(self.offset[row].tolist(), self.length[row].tolist(), strict=True)]
        return min(place for place, _ in places), max(place + size for place, size in places)

    def content(self) -> bytes:
        """The bytes of the file."""
        arrays: dict[str, Array] = {name: getattr(self, name) for name in TYPES}
        table, place, parts = {}, 0, []
        for name, array in arrays.items():
            data = np.ascontiguousarray(array, TYPES[name]).tobytes()
            table[name] = [place, list(array.shape)]
            parts += [data, bytes(-len(data) % ALIGNED)]
            place += len(data) + -len(data) % ALIGNED
        facts = {"shard": self.shard, "size": self.size, "sides": [*self.sides], "kinds": [*self.kinds]}
        head = json.dumps({"format": 1, **facts, "arrays": table}).encode()
        head += b" " * (-(len(MAGIC) + HEAD.size + len(head)) % ALIGNED)
        whole = b"".join([MAGIC, HEAD.pack(len(head)), head, *parts])
        return whole + TAIL.pack(zlib.crc32(whole))

    @classmethod
    def parse(cls, content: bytes, place: str) -> "ShardIndex":
        """The index in a file's bytes, whose numbers it uses as they lie there. DataError where they are not whole."""
        body = memoryview(content)[: -TAIL.size]
        if not content.startswith(MAGIC) or TAIL.unpack(content[-TAIL.size :])[0] != zlib.crc32(body):
            raise DataError(f"{place}: is no index of a shard, or was altered or cut off", hint=REPAIR)
        try:
            start = len(MAGIC) + HEAD.size
            size = HEAD.unpack_from(content, len(MAGIC))[0]
            head = json.loads(content[start : start + size])
            arrays = {name: _array(content, name, start + size, head["arrays"]) for name in TYPES}
            facts: dict[str, Any] = {name: head[name] for name in ("shard", "size", "sides", "kinds")}
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{place}: an index that is not read here ({error!r})", hint=REPAIR) from None
        return cls(**facts | arrays)


TYPES = {
    "offset": "<u8",
    "length": "<u4",
    "checksum": "<u4",
    "kind": "<u1",
    "cut": "<u1",
    "keys": "<u1",
    "key_ends": "<u8",
    "groups": "<u1",
    "group_ends": "<u8",
}


def packed_texts(texts: Sequence[str]) -> tuple[Array, Array]:
    """Texts as UTF-8 one after the other, and where each ends."""
    encoded = [text.encode("utf-8", "surrogateescape") for text in texts]
    ends = np.cumsum([len(each) for each in encoded], dtype=np.uint64)
    return np.frombuffer(b"".join(encoded), np.uint8), ends


def _array(content: bytes, name: str, base: int, table: Mapping[str, Any]) -> Array:
    place, shape = table[name]
    count = int(np.prod(shape, dtype=np.int64))
    return np.frombuffer(content, TYPES[name], count=count, offset=base + place).reshape(shape)


def _text(texts: Array, ends: Array, row: int) -> str:
    start = int(ends[row - 1]) if row else 0
    return texts[start : int(ends[row])].tobytes().decode("utf-8", "surrogateescape")
