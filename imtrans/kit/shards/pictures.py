"""Sides of packed samples, as the inputs of a translation."""

from collections.abc import Iterator
from dataclasses import dataclass

from imtrans.errors import DataError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import Array
from imtrans.kit.images.labels import values_of
from imtrans.kit.shards.reader import ShardReader
from imtrans.kit.shards.record import MARK, SetRecord
from imtrans.kit.stores.store import Store


@dataclass(frozen=True, eq=False)
class PackedPicture:
    """One side of a packed sample, which is not read yet."""

    reader: ShardReader
    number: int
    side: str = "source"

    def __str__(self) -> str:
        index, row = self.reader.place(self.number)
        return f"{self.reader.store.place(index.shard)}: {index.key(row)}"

    @property
    def key(self) -> str:
        """The key of the sample."""
        index, row = self.reader.place(self.number)
        return index.key(row)

    @property
    def spec(self) -> ImageSpec:
        """What the side was packed as."""
        spec: ImageSpec = getattr(self.reader.record.data_spec, self.side)
        return spec

    def fetch(self) -> Array:
        """The side, (*spatial, C), label maps by the numbers that files hold. Errors as of `ShardReader.read`."""
        array = self.reader.read(self.number, sides=[self.side])[self.side]
        return values_of(array, self.spec) if self.spec.kind == "labels" and self.spec.values else array


def packed_pictures(store: Store, *, side: str = "source") -> Iterator[tuple[str, PackedPicture]]:
    """The samples of all splits, each with its split. DataError for shards that are missing or cut off."""
    record = SetRecord.parse(store.read(MARK), store.place(MARK))
    for split in record.shards:
        reader = ShardReader(store, split)
        if reader.faults:
            raise DataError(reader.faults[0].what, hint=reader.faults[0].issue(store).hint)
        yield from ((split, PackedPicture(reader, number, side)) for number in range(len(reader)))
