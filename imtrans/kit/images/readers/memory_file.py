"""Picture files in memory: of an archive, a store or a request, read by the same rules as those on the disk."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal


@dataclass(frozen=True)
class MemoryFile:
    """The bytes of a picture file; `decode`, `label_map` and `header` take it where they take a path.

    `name` stands in messages, and its suffix tells what a path's would: that a file is TGA. OpenEXR files alone cannot
    be read from memory.
    """

    name: str
    content: bytes = field(repr=False)

    def __str__(self) -> str:
        return self.name

    @property
    def suffix(self) -> str:
        """The end of the name from its last dot on."""
        return Path(self.name).suffix

    def open(self, mode: Literal["rb"] = "rb") -> BinaryIO:  # noqa: ARG002 - as that of a path
        """A stream of the bytes."""
        return io.BytesIO(self.content)

    def read_bytes(self) -> bytes:
        """All bytes."""
        return self.content

    def is_file(self) -> bool:
        """True: it is always there."""
        return True

    def exists(self) -> bool:
        """True: it is always there."""
        return True


PictureFile = Path | MemoryFile


def byte_count(file: BinaryIO) -> int:
    """The bytes of an open file, which stays where it is."""
    place = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(place)
    return size
