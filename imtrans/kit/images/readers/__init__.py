"""How each kind of picture file is read; its first bytes tell which one it is."""

from pathlib import Path
from typing import BinaryIO, Protocol

from imtrans.kit.images.array import Array, Color, LabelMap
from imtrans.kit.images.readers import npy, pillow_formats, tiff

MAGIC = 8  # bytes that tell the format


class Reader(Protocol):
    """What reads one kind of file. DataError for kinds that are not read; for broken files what its library raises."""

    def picture(self, path: Path, background: Color | None, page: int | None, /) -> Array:
        """The picture, (H, W, C) uint8, uint16 or float32, upright; what is transparent shows the background.

        Of several pages the first, which is logged, unless one is chosen, from 0 on; ValueError where it is not there.
        """

    def labels(self, path: Path, /) -> LabelMap:
        """The label map in the file."""


def reader_of(file: BinaryIO) -> Reader:
    """What reads an open file, by its first bytes; it is left at its beginning."""
    begin = file.read(MAGIC)
    file.seek(0)
    return tiff if begin.startswith(tiff.MAGIC) else npy if begin.startswith(npy.MAGIC) else pillow_formats
