"""How each kind of picture file is read; its first bytes tell which one it is."""

from typing import BinaryIO, Protocol

from imtrans.kit.images.array import Array, Color, LabelMap
from imtrans.kit.images.readers import deep_codecs, exr, heif, npy, npz, pillow_formats, tiff
from imtrans.kit.images.readers.container import ContainerLayout
from imtrans.kit.images.readers.memory_file import PictureFile

MAGIC = 40  # bytes that tell the format


class Reader(Protocol):
    """What reads one kind of file. DataError for kinds that are not read; for broken files what its library raises."""

    def picture(self, path: PictureFile, background: Color | None, page: int | None, /) -> Array:
        """The picture, (H, W, C) uint8, uint16 or float32, upright; what is transparent shows the background.

        Of several pages the first, which is logged, unless one is chosen, from 0 on; ValueError where it is not there.
        """

    def labels(self, path: PictureFile, page: int | None, /) -> LabelMap:
        """The label map in the file, of several pages chosen as that of a picture."""


class ContainerReader(Reader, Protocol):
    """A reader whose headers say the same as they are for all of its kind."""

    def layout(self, path: PictureFile, file: BinaryIO, /) -> ContainerLayout:
        """The layout of an open file; no pixel is decoded."""


def reader_of(file: BinaryIO) -> Reader:
    """What reads an open file, by its first bytes; it is left at its beginning."""
    begin = file.read(MAGIC)
    file.seek(0)
    if begin.startswith(tiff.MAGIC):
        return tiff
    return npy if begin.startswith(npy.MAGIC) else container_reader(begin, file) or pillow_formats


def container_reader(begin: bytes, file: BinaryIO) -> ContainerReader | None:
    """What reads an open file with a library of its own, by its first bytes; None for what Pillow reads."""
    if begin.startswith(exr.MAGIC):
        return exr
    if begin.startswith(npz.MAGIC):
        return npz
    if deep_codecs.is_avif(begin) or deep_codecs.is_jpeg_2000(begin):
        return deep_codecs if deep_codecs.is_deep(file) else None
    return heif if heif.is_heif(begin) else None
