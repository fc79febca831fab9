"""The strips and tiles of a TIFF, each checked before it is unpacked."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from imtrans.errors import DataError
from imtrans.kit.images.array import Array
from imtrans.kit.images.readers.memory_file import PictureFile
from imtrans.kit.images.readers.tiff.codecs import NONE, check_claim, check_compression

if TYPE_CHECKING:
    import tifffile

NODATA = 42113  # GDAL's tag
FULL = ("INSUFFICIENT_SPACE", "too small", "TOO_SMALL")  # what decoders say when the chunk's size is not enough
MAX_PADDING = 2  # times the values that are allowed: the values of all tiles together


def stored_pixels(path: PictureFile, page: "tifffile.TiffPage", *, most_pixels: int) -> Array:
    """All samples of a page, (H, W, samples), as stored, in the byte order of the machine.

    Missing tiles get the value that the file names for no data. DataError for more pixels than allowed, compressions
    that are not read, and missing tiles without such a value; ValueError, RuntimeError or OSError for broken files.
    """
    _check_size(path, page, most_pixels)
    check_compression(path, page)
    planes, _, height, width, samples = page.shaped
    result = np.empty((planes, height, width, samples), page.dtype)
    rows, columns = page.chunks[:2]
    filler: Array | None = None
    for index, place in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
        data = _data(page, *place)
        if data is None and filler is None:
            filler = _no_data(path, page)
        chunk, (plane, _, row, column, _), _ = _decoded(page, data, index)
        part = result[plane, row : row + rows, column : column + columns]
        part[...] = filler if chunk is None else chunk[0, : part.shape[0], : part.shape[1]]
    return result[0] if planes == 1 else np.moveaxis(result[..., 0], 0, -1)


def _check_size(path: PictureFile, page: "tifffile.TiffPage", most_pixels: int) -> None:
    planes, _, height, width, samples = page.shaped
    if width * height > most_pixels or width * height * planes * samples > 4 * most_pixels:
        size = f"{width} x {height} pixels of {planes * samples} channels"
        raise DataError(f"{path}: {size} are more than {most_pixels:,}")
    rows, columns = page.chunks[:2]
    if page.tiledepth > 1 or not (rows and columns):
        raise ValueError("broken or cut off (strips or tiles of no size)")
    count = planes * math.ceil(height / rows) * math.ceil(width / columns)
    if count * rows * columns * samples > MAX_PADDING * 4 * most_pixels:
        raise DataError(f"{path}: tiles of {columns} x {rows} pixels are far larger than the picture")
    if not count == len(page.dataoffsets) == len(page.databytecounts):
        raise ValueError("broken or cut off (pixels are missing)")


def _data(page: "tifffile.TiffPage", offset: int, count: int) -> bytes | None:
    """The stored bytes of a strip or tile; None if it was never written."""
    if offset <= 0 or count <= 0:
        return None
    file = page.parent.filehandle
    if offset + count > file.size:
        raise ValueError("broken or cut off (a strip lies beyond the end of the file)")
    file.seek(offset)
    rows, columns = page.chunks[:2]
    chunk_bytes = rows * math.ceil(columns * page.shaped[-1] * page.bitspersample / 8)
    # Strips may overlap: of each no more is read than it can need, for a compression that makes it longer too.
    data = bytes(file.read(min(count, chunk_bytes if page.compression == NONE else 8 * chunk_bytes + (1 << 16))))
    check_claim(page, data)
    return data


def _decoded(page: "tifffile.TiffPage", data: bytes | None, index: int) -> "tuple[Array | None, Any, Any]":
    try:
        return page.decode(data, index, jpegtables=page.jpegtables)
    except RuntimeError as error:  # of imagecodecs
        if any(words in str(error) for words in FULL):
            raise ValueError("unpacks to more than its header says") from None
        raise


def _no_data(path: PictureFile, page: "tifffile.TiffPage") -> Array:
    """The value of missing tiles. DataError where the file names none, or one that its type cannot hold."""
    assert page.dtype is not None
    named = page.tags.valueof(NODATA)
    try:
        value = float(str(named).replace(",", "."))
        filler = np.full(1, value).astype(page.dtype)
    except (ValueError, OverflowError):
        value, filler = math.nan, np.zeros(1, np.uint8)
    if filler[0] != value and not (np.isnan(value) and filler.dtype.kind == "f"):
        raise DataError(
            f"{path}: tiles were never written, and the file names no value for them ({named!r})",
            hint="Write the file anew with all its tiles: gdal_translate -co SPARSE_OK=FALSE IN OUT",
        )
    return filler
