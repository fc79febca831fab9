"""NPZ: a zip file of arrays, of which one is the picture. Nothing in a file is ever unpickled."""

import contextlib
import zipfile
from collections.abc import Iterator
from typing import IO, BinaryIO

import numpy as np

from imtrans.errors import DataError, join_names
from imtrans.kit.images.array import Array, Color, LabelMap
from imtrans.kit.images.readers import npy
from imtrans.kit.images.readers.container import ContainerLayout
from imtrans.kit.images.readers.memory_file import PictureFile
from imtrans.kit.images.readers.samples import check_page

MAGIC = b"PK\x03\x04"
NAMES = ("image", "arr_0")  # of several arrays the first of these is the picture


def layout(path: PictureFile, _file: BinaryIO) -> ContainerLayout:
    """The layout of the array; no value is read. DataError where none is known to be the picture."""
    with _opened(path) as (_, found):
        height, width, channels = found.shape
    return ContainerLayout(format="NPZ", width=width, height=height, channels=channels, bits=found.bits).checked(path)


def picture(path: PictureFile, _background: Color | None, page: int | None = None) -> Array:
    """The array as (H, W, C) uint8, uint16 or float32."""
    check_page(page)
    return npy.as_picture(path, *_values(path))


def labels(path: PictureFile, page: int | None = None) -> LabelMap:
    """The label map in an array of one channel."""
    check_page(page)
    return npy.as_labels(path, *_values(path))


def _values(path: PictureFile) -> tuple[Array, npy.NpyLayout]:
    with _opened(path) as (stream, found):
        npy.check_size(path, found)
        # No more than the header says is unpacked, whatever the file holds.
        content = stream.read(found.stored.itemsize * int(np.prod(found.shape)))
    flat = np.frombuffer(content, found.stored)
    return flat.reshape(found.shape, order="F" if found.is_fortran else "C"), found


@contextlib.contextmanager
def _opened(path: PictureFile) -> Iterator[tuple[IO[bytes], npy.NpyLayout]]:
    """The array that is the picture, behind its header, and its layout. ValueError for broken files."""
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            arrays = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            name = next((name for name in NAMES if name in arrays), None)
            if name is None and len(arrays) != 1:
                raise DataError(
                    f"{path}: holds the arrays {join_names(arrays, most=6)}",
                    hint="Save the picture alone, or under the name image: np.savez(path, image=array)",
                )
            info = arrays[name or next(iter(arrays))]
            with archive.open(info) as stream:
                yield stream, npy.npy_layout(path, stream, size=info.file_size)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"broken or cut off ({error})") from None
