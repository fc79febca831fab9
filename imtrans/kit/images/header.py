"""What a picture's header tells: how it will be decoded, without decoding a pixel."""

import logging
import os
import warnings
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from imtrans.errors import DataError
from imtrans.kit.images.readers import MAGIC, container_reader, npy, reader_of, tiff
from imtrans.kit.images.readers.memory_file import PictureFile, byte_count
from imtrans.kit.images.readers.orientation import ORIENTATION
from imtrans.kit.images.readers.pillow_formats import (
    FAULTS,
    MAX_PIXELS,
    QUIET,
    channels,
    formats_of,
    is_deep,
    raw_mode,
)

ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}
TAIL = 64  # bytes to search for the end marker: some cameras and editors append a few


@dataclass(frozen=True, kw_only=True)
class ImageHeader:
    """The header of a picture file: format and mode as Pillow names them ("PNG", "RGB"), and the size when upright.

    `channels` and `dtype` ("uint8", "uint16", "float32") are those of the decoded picture; `bits` are the significant
    ones of a stored value (1 to 16; 32 for float); `has_alpha`: an alpha channel, or a colour that is transparent;
    `pages`: frames or pages, 1 if unknown. `orientation` is that of EXIF (1: as stored); `has_end`: the end marker of
    the format is in the last bytes, of a TIFF no part lies beyond its end, and an NPY is as long as it says.
    """

    format: str
    mode: str
    width: int
    height: int
    channels: int
    dtype: str
    bits: int
    is_indexed: bool = False
    has_alpha: bool = False
    pages: int = 1
    orientation: int = 1
    has_end: bool = True

    @property
    def high(self) -> int | float:
        """The decoded value that is white: 255 for uint8, 2^bits - 1 for uint16, 1.0 for float32."""
        return 1.0 if self.dtype == "float32" else 255 if self.dtype == "uint8" else int(2**self.bits) - 1


class TooLarge(DataError):
    """A picture with more pixels than `decode` accepts."""


def header(path: PictureFile) -> ImageHeader:
    """The header of a picture; no pixel is decoded. DataError if it is of no allowed format, or too large."""
    if not path.is_file():  # pipes and devices would block
        raise DataError(f"{path}: not a regular file")
    logging.getLogger("PIL").addHandler(QUIET)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Opened once: that costs more than reading where a disk is in a network.
            with path.open("rb") as file:
                record = _read(path, file)
    except Image.DecompressionBombError:
        raise TooLarge(f"{path}: has far more than {MAX_PIXELS:,} pixels") from None
    except FAULTS as error:
        # Pillow's own text shows the object that it was given.
        why = "its content is of no known format" if isinstance(error, UnidentifiedImageError) else error
        raise DataError(f"{path}: not a picture ({why})") from None
    if record.width * record.height > MAX_PIXELS:
        raise TooLarge(f"{path}: {record.width} x {record.height} pixels are more than {MAX_PIXELS:,}")
    return record


def _read(path: PictureFile, file: BinaryIO) -> ImageHeader:
    begin = file.read(MAGIC)
    file.seek(0)
    container = container_reader(begin, file)
    if container:
        layout = container.layout(path, file)
        names = ("format", "mode", "width", "height", "channels", "dtype", "bits", "has_alpha")
        return ImageHeader(**{name: getattr(layout, name) for name in names})
    reader = reader_of(file)
    return (_tiff_header if reader is tiff else _npy_header if reader is npy else _header)(path, file)


def _tiff_header(path: PictureFile, file: BinaryIO) -> ImageHeader:
    with tiff.opened(path, file) as (page, layout):
        width, height, end = layout.width, layout.height, byte_count(file)
        return ImageHeader(
            format="TIFF",
            mode=layout.mode,
            width=width if layout.orientation < 5 else height,
            height=height if layout.orientation < 5 else width,
            channels=layout.count,
            dtype=layout.dtype,
            bits=layout.bits,
            is_indexed=layout.is_indexed,
            has_alpha=layout.alpha is not None,
            pages=layout.pages,
            orientation=layout.orientation,
            has_end=all(o + n <= end for o, n in zip(page.dataoffsets, page.databytecounts, strict=False)),
        )


def _npy_header(path: PictureFile, file: BinaryIO) -> ImageHeader:
    layout = npy.npy_layout(path, file)
    height, width, channels = layout.shape
    return ImageHeader(
        format="NPY",
        mode=layout.mode,
        width=width,
        height=height,
        channels=channels,
        dtype=layout.dtype,
        bits=layout.bits,
        has_end=layout.is_whole,
    )


def _header(path: PictureFile, file: BinaryIO) -> ImageHeader:
    with Image.open(file, formats=formats_of(path)) as image:
        orientation, kind = _orientation(image), image.format or ""
        # Orientations 5 to 8 are quarter turns.
        width, height = image.size if orientation < 5 else image.size[::-1]
        dtype = "float32" if image.mode == "F" else "uint16" if is_deep(image) else "uint8"
        return ImageHeader(
            format=kind,
            mode=f"{image.mode};16" if dtype == "uint16" and not image.mode.startswith("I") else image.mode,
            width=width,
            height=height,
            channels=channels(image),
            dtype=dtype,
            bits={"float32": 32, "uint16": 16}.get(dtype) or _few_bits(image.mode, raw_mode(image)),
            is_indexed=image.mode in ("P", "PA"),
            has_alpha=image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info,
            pages=getattr(image, "n_frames", 1),
            orientation=orientation,
            has_end=_has_end(file, kind),
        )


def _few_bits(mode: str, raw: str) -> int:
    last = raw.rpartition(";")[2]
    return 1 if mode == "1" else int(last) if mode in ("L", "P") and last in ("1", "2", "4") else 8


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; of a PNG only from its header: Pillow would decode the picture to find more."""
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    try:
        orientation = int(image.getexif().get(ORIENTATION, 1))
    except FAULTS:
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def _has_end(file: BinaryIO, kind: str) -> bool:
    if kind not in ENDS:
        return True
    file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
    return ENDS[kind] in file.read()
