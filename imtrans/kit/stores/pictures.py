"""Pictures in a store, as the inputs of a translation."""

from collections.abc import Iterator
from dataclasses import dataclass

from imtrans.errors import DataError
from imtrans.kit.formats import is_picture
from imtrans.kit.images.readers.memory_file import MemoryFile
from imtrans.kit.stores.store import Store


@dataclass(frozen=True, eq=False)
class StoredPicture:
    """A picture file in a store, which is not read yet."""

    store: Store
    name: str

    def __str__(self) -> str:
        return self.store.place(self.name)

    def fetch(self) -> MemoryFile:
        """The file. DataError where it is not there, DownloadError where the store does not answer."""
        return MemoryFile(str(self), self.store.read(self.name))


def stored_pictures(store: Store) -> Iterator[StoredPicture]:
    """The pictures below a store's place, at any depth, in the order of their names.

    DataError for a store that cannot be listed, or that holds none.
    """
    names = store.tree()
    if names is None:
        hint = "Give the addresses of pictures, a text file that lists them, or the address of shards."
        raise DataError(f"{store.address}: a web server cannot be listed", hint=hint)
    pictures = sorted(name for name in names if is_picture(name.rpartition("/")[2]))
    if not pictures:
        raise DataError(f"0 pictures in {store.address}", hint="Give an address below which there are some.")
    yield from (StoredPicture(store, name) for name in pictures)
