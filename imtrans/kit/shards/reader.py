"""Reads any sample of a split of shards, by the indexes beside them."""

import bisect
import itertools
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from imtrans.errors import DataError
from imtrans.interfaces import Issue
from imtrans.kit.images import Array
from imtrans.kit.shards.index import SUFFIX, ShardIndex
from imtrans.kit.shards.members import cut, unpacked
from imtrans.kit.shards.record import MARK, SetRecord
from imtrans.kit.stores.store import Store

RESTORE = "Copy the shard again, or pack the set again."


class Place(NamedTuple):
    """The index that holds a sample, and its number in it."""

    shard: ShardIndex
    row: int


class ShardReader:
    """The samples of a split, in the order in which they were packed; later shards come after them.

    `faults` are shards that are missing or not as long as they were written, whose samples are left out. Raises
    DataError where there is no set of shards, or an index is broken.
    """

    def __init__(self, store: Store, split: str) -> None:
        self.store = store
        self.record = SetRecord.parse(store.read(MARK), store.place(MARK))
        self.split = self._nearest(split)
        sizes = store.sizes()
        names = self._names(sizes)
        present = [name for name in names if sizes is None or _index_of(name) in sizes]
        indexes = [
            ShardIndex.parse(content, store.place(_index_of(name)))
            for name, content in zip(present, store.read_all([_index_of(name) for name in present]), strict=True)
        ]
        self.faults = [*self._missing({*names} - {*present}), *self._wrong(indexes, sizes)]
        bad = {fault.shard for fault in self.faults}
        self.indexes = [index for index in indexes if index.shard not in bad]
        self._ends = [*itertools.accumulate(len(index) for index in self.indexes)]

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def place(self, number: int) -> Place:
        """Where a sample lies. IndexError for a number that is none of a sample."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        which = bisect.bisect_right(self._ends, number)
        return Place(self.indexes[which], number - (self._ends[which - 1] if which else 0))

    def read(self, number: int, *, sides: Iterable[str] | None = None) -> dict[str, Array]:
        """The sides of a sample by name, all or those asked for, (*spatial, C) as they were packed.

        One range of the shard is read. DataError, naming shard and sample, where its bytes are not those that were
        written; DownloadError where the store does not answer.
        """
        index, row = self.place(number)
        start, end = index.span(row)
        parts = self._checked(index, row, start, self.store.read_range(index.shard, start, end))
        if parts is None:  # a cache may hold the part of an earlier shard of this name
            self.store.forget(index.shard, start, end)
            parts = self._checked(index, row, start, self.store.read_range(index.shard, start, end))
        if parts is None:
            what = f"{self.store.place(index.shard)}: sample {index.key(row)!r} is not as it was written (checksum)"
            raise DataError(what, hint=RESTORE)
        wanted = index.sides if sides is None else sides
        return {side: self._array(index, row, side, parts) for side in wanted}

    def _array(self, index: ShardIndex, row: int, side: str, parts: "dict[str, _Part]") -> Array:
        spec, part = self.record.data_spec, parts[side]
        if part.whole is None:
            name = f"{self.store.place(index.shard)}: {index.key(row)} ({side})"
            found = {"source": spec.source, "target": spec.target, **spec.extras}[side]
            part.whole = unpacked(part.content, part.suffix, found, name=name)
            for other in parts.values():  # the other half of the same picture
                other.whole = part.whole if other.start == part.start else other.whole
        return cut(part.whole, part.cut) if part.cut else part.whole

    @staticmethod
    def _checked(index: ShardIndex, row: int, start: int, content: bytes) -> "dict[str, _Part] | None":
        parts: dict[str, _Part] = {}
        # As lists: single numbers of arrays are slow.
        columns = (index.offset, index.length, index.checksum, index.kind, index.cut)
        for side, place, size, crc, kind, half in zip(index.sides, *(c[row].tolist() for c in columns), strict=True):
            same = next((part for part in parts.values() if part.start == place), None)
            part = same.content if same else content[place - start : place - start + size]
            if same is None and zlib.crc32(part) != crc:
                return None
            parts[side] = _Part(place, part, index.kinds[kind], half)
        return parts

    def _nearest(self, split: str) -> str:
        """The split itself, or of val and test the one that is there."""
        other = {"val": "test", "test": "val"}.get(split, "")
        return next((s for s in (split, other) if self.record.shards.get(s)), split)

    def _names(self, sizes: Mapping[str, int] | None) -> list[str]:
        """The shards of the split: those that were packed, and those whose index has come beside them since."""
        packed = self.record.shards.get(self.split, {})
        added = [f"{n.removesuffix(SUFFIX)}.tar" for n in sizes or () if n.endswith(SUFFIX)]
        return sorted({*packed, *(name for name in added if name.rpartition("-")[0] == self.split)})

    def _missing(self, names: Iterable[str]) -> list["ShardFault"]:
        return [
            ShardFault(name, f"{self.store.place(_index_of(name))}: the index is missing") for name in sorted(names)
        ]

    def _wrong(self, indexes: Iterable[ShardIndex], sizes: Mapping[str, int] | None) -> list["ShardFault"]:
        faults = []
        for index in indexes if sizes is not None else ():
            present, place = (sizes or {}).get(index.shard), self.store.place(index.shard)
            if present is None:
                faults.append(ShardFault(index.shard, f"{place}: the shard is missing, with {len(index):,} samples"))
            elif present != index.size:
                what = f"{place}: has {present:,} bytes, not {index.size:,}: {len(index):,} samples"
                faults.append(ShardFault(index.shard, what))
        return faults


@dataclass
class _Part:
    """A member of a shard, and the picture in it once it was decoded."""

    start: int
    content: bytes
    suffix: str
    cut: int
    whole: Array | None = None


class ShardFault(NamedTuple):
    """A shard that cannot be used, and why."""

    shard: str
    what: str

    def issue(self, store: Store) -> Issue:
        """The same as `imtrans data check` reports it."""
        path = store.path(self.shard)
        return Issue(code="shard", what=self.what, hint=RESTORE, files=(path,) if path else ())


def _index_of(shard: str) -> str:
    return f"{shard.removesuffix('.tar')}{SUFFIX}"
