"""Pairs from shards, each read by itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import DatasetContext, DatasetDescription, Pair, Split
from imtrans.kit.bases import BaseDataset
from imtrans.kit.shards import ShardReader
from imtrans.kit.stores import open_store
from imtrans.net.retry import RetryPolicy


class Shards(BaseDataset):
    """A split of packed pairs, in the order in which they were packed.

    With `skip_invalid` shards that are missing or cut off are left out and reported; else, or where no other is left,
    DataError names the first.
    """

    def __init__(self, reader: ShardReader, split: Split, *, skip_invalid: bool = False) -> None:
        if reader.faults and not (skip_invalid and len(reader)):
            fault, rest = reader.faults[0].issue(reader.store), len(reader.faults) - 1
            raise DataError(f"{fault.what}{f'; and {rest:,} more shards' if rest else ''}", hint=fault.hint)
        self._reader, self._store = reader, reader.store
        self.data_spec = reader.record.data_spec
        self.description = DatasetDescription(
            layout=f"shards of {reader.record.origin}" if reader.record.origin else "shards",
            sides=reader.record.sides,
            notes=_notes(reader, split),
            issues=[fault.issue(reader.store) for fault in reader.faults],
            group_of=self._groups().get if self._has_groups else str,  # type: ignore[arg-type]
        )

    def __len__(self) -> int:
        return len(self._reader)

    def __getitem__(self, index: int) -> Pair:
        sides = self._reader.read(index)
        return Pair(source=sides.pop("source"), target=sides.pop("target"), key=self.key(index), extras=sides)

    def key(self, index: int) -> str:
        """The key that the sample had where it was packed."""
        place = self._reader.place(index)
        return place.shard.key(place.row)

    def files(self, index: int) -> Sequence[Path]:
        """The shard, where it lies on this machine."""
        path = self._store.path(self._reader.place(index).shard.shard)
        return [path] if path else []

    def stamp(self, index: int) -> str:
        """Of a remote shard its address and the checksums of the sample: files have their own size and time."""
        shard, row = self._reader.place(index)
        if self._store.path(shard.shard):
            return ""
        sums = "-".join(f"{value:08x}" for value in shard.checksum[row])
        return f"{self._store.place(shard.shard)}#{shard.key(row)}:{sums}"

    @property
    def _has_groups(self) -> bool:
        return any(len(index.group_ends) for index in self._reader.indexes)

    def _groups(self) -> Mapping[str, str]:
        return {index.key(row): index.group(row) for index in self._reader.indexes for row in range(len(index))}


def shards(*, path: str, cache: float, tries: int, context: DatasetContext) -> Shards:
    """The data set `shards`."""
    if not path:
        hint = "Give the folder or the address: --dataset DIR, --dataset s3://BUCKET/SET"
        raise ConfigError("data set 'shards' needs its path", hint=hint)
    store = open_store(path, cache_bytes=int(cache * 1e9), retries=RetryPolicy(tries=tries))
    return Shards(ShardReader(store, context.split), context.split, skip_invalid=context.skip_invalid)


def _notes(reader: ShardReader, split: Split) -> tuple[str, ...]:
    return (f"no {split} shards: {reader.split} serves",) if reader.split != split else ()
