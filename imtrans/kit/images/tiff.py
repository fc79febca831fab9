"""TIFF files of any number of channels, which Pillow cannot hold: 8 and 16 bit and float, read and written."""

import logging
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imtrans.errors import DataError

if TYPE_CHECKING:
    import tifffile

Array = np.ndarray[Any, Any]
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
NONE, DEFLATE = 1, (8, 32946)
GREY, RGB = (0, 1), 2
ALPHA = (1, 2)
MOST_CHANNELS = 1024
# What tifffile says about a broken file goes to those who listen, not to the terminal: the DataError says it.
QUIET = logging.NullHandler()
# The four turns and their mirrors, by EXIF's numbers.
TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}


def is_tiff(path: Path) -> bool:
    """Whether a file begins as a TIFF does."""
    with path.open("rb") as file:
        return file.read(4) in MAGIC


def read(path: Path, *, most_pixels: int) -> Array | None:
    """The first page of a TIFF that Pillow cannot hold, as (H, W, C) uint8, uint16 or float32, upright.

    None where Pillow can: other files, one channel, 8-bit and 16-bit RGB. Alpha is left out. Raises DataError for too
    many pixels and for compressions that cannot be checked, ValueError or OSError for what is cut off.
    """
    if not is_tiff(path):
        return None
    import tifffile

    logging.getLogger("tifffile").addHandler(QUIET)
    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            kept = _channels(page)
            return None if kept is None else _pixels(path, page, kept, most_pixels)
    except tifffile.TiffFileError as error:
        raise ValueError(f"broken or cut off ({error})") from None


def encoded(picture: Array) -> bytes:
    """The bytes of a TIFF that holds (H, W, C) uint8, uint16 or float32 exactly; further channels are no alpha."""
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


def turned(picture: Array, orientation: int) -> Array:
    """(H, W, C) as EXIF's orientation (1 to 8) says that it is to be seen; others change nothing."""
    if orientation not in TURNS:
        return picture
    quarters, is_mirrored = TURNS[orientation]
    upright = np.rot90(picture, quarters)
    return np.ascontiguousarray(upright[:, ::-1] if is_mirrored else upright)


def _channels(page: "tifffile.TiffPage") -> list[int] | None:
    """Which samples of a pixel are its channels; None where Pillow reads the file."""
    if page.photometric not in (*GREY, RGB) or page.bitspersample not in (8, 16, 32, 64):
        return None
    count = int(page.samplesperpixel)
    extras = [int(e) for e in page.extrasamples]
    colours = count - len(extras)
    kept = [i for i in range(count) if i < colours or extras[i - colours] not in ALPHA]
    is_pillows = len(kept) == 1 or (len(kept) == 3 and page.bitspersample < 32 and page.sampleformat == 1)
    return None if is_pillows else kept


def _pixels(path: Path, page: "tifffile.TiffPage", kept: list[int], most_pixels: int) -> Array:
    size = f"{page.imagewidth} x {page.imagelength}"
    values = page.imagewidth * page.imagelength * page.samplesperpixel
    if page.imagewidth * page.imagelength > most_pixels or values > 4 * most_pixels:
        raise DataError(f"{path}: {size} pixels of {page.samplesperpixel} channels are more than {most_pixels:,}")
    if page.imagedepth > 1 or page.dtype is None or page.samplesperpixel > MOST_CHANNELS:
        raise ValueError("a TIFF of a kind that is not read")
    _check_whole(path, page)
    array = page.asarray(maxworkers=1)
    if page.planarconfig == 2:
        array = np.moveaxis(array, 0, -1)
    return turned(_stored(array.reshape(page.imagelength, page.imagewidth, -1)[..., kept]), _orientation(page))


def _check_whole(path: Path, page: "tifffile.TiffPage") -> None:
    """Refuse what is cut off, and what would unpack to more than its header says."""
    compression = int(page.compression)
    if compression not in (NONE, *DEFLATE):
        name = getattr(page.compression, "name", compression)
        raise DataError(
            f"{path}: {page.samplesperpixel} channels compressed with {name}", hint="Save it without, or with deflate."
        )
    piece = int(np.prod(page.chunks)) * page.dtype.itemsize if page.dtype else 0
    found, end = 0, page.parent.filehandle.size
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        if count <= 0 or offset + count > end:
            raise ValueError("broken or cut off (a strip lies beyond the end of the file)")
        found += count if compression == NONE else piece
        if compression in DEFLATE:
            page.parent.filehandle.seek(offset)
            unpacking = zlib.decompressobj()
            unpacking.decompress(page.parent.filehandle.read(count), piece)
            if unpacking.unconsumed_tail:
                raise ValueError("unpacks to more than its header says")
    if found < page.nbytes:
        raise ValueError("broken or cut off (pixels are missing)")


def _stored(array: Array) -> Array:
    if array.dtype.kind == "f":
        return np.ascontiguousarray(array, dtype=np.float32)
    if array.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"holds {array.dtype} values; 8 and 16 bit without sign, and float, are read")
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def _orientation(page: "tifffile.TiffPage") -> int:
    tag = page.tags.get(274)
    return int(tag.value) if tag is not None and isinstance(tag.value, int) else 1
