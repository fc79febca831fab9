"""What a folder and an object store have in common."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol


class Store(Protocol):
    """Files by their names below one place. It can be pickled, and used after a fork.

    What is missing or unreadable is DataError, named; a store that does not answer is DownloadError after several
    tries, and what may not be read ResourceError.
    """

    address: str

    def sizes(self) -> Mapping[str, int] | None:
        """The names that are there now, with their bytes; None where a store cannot be listed."""
        ...

    def tree(self) -> Sequence[str] | None:
        """The names of all files, also of those in folders (a/b.png); None where a store cannot be listed."""
        ...

    def read(self, name: str) -> bytes:
        """A whole file."""
        ...

    def read_all(self, names: Sequence[str]) -> list[bytes]:
        """Whole files, several at a time where that is quicker."""
        ...

    def read_range(self, name: str, start: int, end: int) -> bytes:
        """The bytes of a file from `start` to before `end`, and no others; fewer where it ends before."""
        ...

    def forget(self, name: str, start: int, end: int) -> None:
        """Drop what a cache holds of this part: its bytes are not those that were expected."""
        ...

    def write(self, name: str, content: Path) -> None:
        """Put a file of this machine there, as a whole or not at all. A file of that name is replaced."""
        ...

    def place(self, name: str) -> str:
        """A file as messages name it."""
        ...

    def path(self, name: str) -> Path | None:
        """The file, where it is one of this machine."""
        ...
