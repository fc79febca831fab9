"""TIFF files of any number of channels, which Pillow cannot hold: 8 and 16 bit and float, read and written."""

import contextlib
import logging
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imtrans.errors import DataError
from imtrans.kit.images.array import Array
from imtrans.kit.images.tiff_layout import TiffLayout, is_tiff, tiff_layout

if TYPE_CHECKING:
    import tifffile

NONE, DEFLATE = 1, (8, 32946)  # values of the Compression tag
GREY, RGB = (0, 1), 2  # of PhotometricInterpretation
ALPHA = (1, 2)  # of ExtraSamples: associated and unassociated
ORIENTATION = 274  # tag, in TIFF and EXIF
MOST_CHANNELS = 1024
# Keeps decoders' log messages about broken files off the terminal: the DataError says it.
QUIET = logging.NullHandler()
# By EXIF orientation: quarter turns, and whether mirrored afterwards.
TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple["tifffile.TiffPage", TiffLayout]]:
    """The first page of a TIFF and its layout; no pixel is read. ValueError or OSError for broken files."""
    import tifffile

    logging.getLogger("tifffile").addHandler(QUIET)
    try:
        with tifffile.TiffFile(path) as file:
            yield file.pages.first, tiff_layout(path, file)
    except tifffile.TiffFileError as error:
        raise ValueError(f"broken or cut off ({error})") from None


def read(path: Path, *, most_pixels: int) -> Array | None:
    """The first page of a TIFF that Pillow cannot hold, as (H, W, C) uint8, uint16 or float32, upright.

    None for what Pillow can read: other formats, one channel, 8-bit and 16-bit RGB. Alpha is dropped. Raises DataError
    for too many pixels and for compressions that cannot be checked, ValueError or OSError for broken files.
    """
    if not is_tiff(path):
        return None
    import tifffile

    logging.getLogger("tifffile").addHandler(QUIET)
    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            channels = _channels(page)
            return None if channels is None else _pixels(path, page, channels, most_pixels)
    except tifffile.TiffFileError as error:
        raise ValueError(f"broken or cut off ({error})") from None


def encode(picture: Array) -> bytes:
    """The bytes of a TIFF that holds (H, W, C) uint8, uint16 or float32 exactly; a fourth channel is not alpha."""
    import io

    import tifffile

    channels, stream = picture.shape[-1], io.BytesIO()
    colours = 3 if channels == 3 else 1
    tifffile.imwrite(
        stream,
        picture if channels > 1 else picture[..., 0],
        photometric="rgb" if colours == 3 else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=["unspecified"] * (channels - colours) or None,
        compression="zlib",
        metadata=None,
        software=False,
    )
    return stream.getvalue()


def upright(picture: Array, orientation: int) -> Array:
    """(H, W, C) turned upright from an EXIF orientation (1 to 8); any other number changes nothing."""
    if orientation not in TURNS:
        return picture
    quarters, is_mirrored = TURNS[orientation]
    rotated = np.rot90(picture, quarters)
    return np.ascontiguousarray(rotated[:, ::-1] if is_mirrored else rotated)


def _channels(page: "tifffile.TiffPage") -> list[int] | None:
    """The indices of the samples of a pixel that are channels, not alpha; None if Pillow can read the file."""
    if page.photometric not in (*GREY, RGB) or page.bitspersample not in (8, 16, 32, 64):
        return None
    count = int(page.samplesperpixel)
    extras = [int(e) for e in page.extrasamples]
    colours = count - len(extras)
    channels = [i for i in range(count) if i < colours or extras[i - colours] not in ALPHA]
    # sampleformat 1: whole numbers without sign
    is_rgb = len(channels) == 3 and page.bitspersample < 32 and page.sampleformat == 1
    return None if len(channels) == 1 or is_rgb else channels


def _pixels(path: Path, page: "tifffile.TiffPage", channels: list[int], most_pixels: int) -> Array:
    size = f"{page.imagewidth} x {page.imagelength}"
    values = page.imagewidth * page.imagelength * page.samplesperpixel
    if page.imagewidth * page.imagelength > most_pixels or values > 4 * most_pixels:
        raise DataError(f"{path}: {size} pixels of {page.samplesperpixel} channels are more than {most_pixels:,}")
    if page.imagedepth > 1 or page.dtype is None or page.samplesperpixel > MOST_CHANNELS:
        raise ValueError("a TIFF of a kind that is not read")
    _check_whole(path, page)
    array = page.asarray(maxworkers=1)
    if page.planarconfig == 2:  # one plane for each channel
        array = np.moveaxis(array, 0, -1)
    return upright(_native(array.reshape(page.imagelength, page.imagewidth, -1)[..., channels]), _orientation(page))


def _check_whole(path: Path, page: "tifffile.TiffPage") -> None:
    """Refuse a file that is cut off, or that unpacks to more bytes than its header says: tifffile checks neither."""
    compression = int(page.compression)
    if compression not in (NONE, *DEFLATE):
        name = getattr(page.compression, "name", compression)
        raise DataError(
            f"{path}: {page.samplesperpixel} channels compressed with {name}",
            hint="Save it without compression, or with deflate.",
        )
    chunk_bytes = int(np.prod(page.chunks)) * page.dtype.itemsize if page.dtype else 0
    total, end = 0, page.parent.filehandle.size
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        if count <= 0 or offset + count > end:
            raise ValueError("broken or cut off (a strip lies beyond the end of the file)")
        total += count if compression == NONE else chunk_bytes
        if compression in DEFLATE:
            page.parent.filehandle.seek(offset)
            unpacking = zlib.decompressobj()
            unpacking.decompress(page.parent.filehandle.read(count), chunk_bytes)
            if unpacking.unconsumed_tail:
                raise ValueError("unpacks to more than its header says")
    if total < page.nbytes:
        raise ValueError("broken or cut off (pixels are missing)")


def _native(array: Array) -> Array:
    if array.dtype.kind == "f":
        return np.ascontiguousarray(array, dtype=np.float32)
    if array.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"holds {array.dtype} values; 8 and 16 bit without sign, and float, are read")
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def _orientation(page: "tifffile.TiffPage") -> int:
    tag = page.tags.get(ORIENTATION)
    return int(tag.value) if tag is not None and isinstance(tag.value, int) else 1
