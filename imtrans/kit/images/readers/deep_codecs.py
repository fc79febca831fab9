"""JPEG 2000 and AVIF of more than 8 bits, read by OpenCV: Pillow cuts them to 8, and white wraps around to black."""

import struct
from typing import BinaryIO

import numpy as np

from imtrans.errors import DataError
from imtrans.kit.images.array import Array, Color, LabelMap
from imtrans.kit.images.readers.container import ContainerLayout
from imtrans.kit.images.readers.memory_file import PictureFile
from imtrans.kit.images.readers.pillow_formats import not_labels
from imtrans.kit.images.readers.samples import check_page

JP2, CODESTREAM = b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"
HEAD = 1 << 16  # bytes that hold the header


def is_jpeg_2000(begin: bytes) -> bool:
    """Whether a file that begins so is JPEG 2000."""
    return begin.startswith((JP2, CODESTREAM))


def is_avif(begin: bytes) -> bool:
    """Whether a file that begins so is AVIF, by the brands of its first box."""
    return begin[4:8] == b"ftyp" and any(brand in begin[8:40] for brand in (b"avif", b"avis"))


def is_deep(file: BinaryIO) -> bool:
    """Whether an open file has more than 8 bits a value, or signed ones; it is left at its beginning."""
    head = file.read(HEAD)
    file.seek(0)
    bits, is_signed = _avif(head)[3:] if is_avif(head) else _jpeg_2000(head)[3:]
    return bits > 8 or is_signed


def layout(path: PictureFile, file: BinaryIO) -> ContainerLayout:
    """The layout of an open file. ValueError for broken headers, DataError for kinds that are not read."""
    head = file.read(HEAD)
    name = "AVIF" if is_avif(head) else "JPEG2000"
    width, height, channels, bits, is_signed = _avif(head) if name == "AVIF" else _jpeg_2000(head)
    if is_signed or channels not in (1, 3):
        kind = "signed values" if is_signed else f"{channels} channels of {bits} bits"
        raise DataError(f"{path}: {name} of {kind} is not read", hint="Save it as TIFF.")
    return ContainerLayout(format=name, width=width, height=height, channels=channels, bits=bits).checked(path)


def picture(path: PictureFile, _background: Color | None, page: int | None = None) -> Array:
    """The picture as (H, W, C) uint16, values as stored; alpha is dropped."""
    import cv2

    with path.open("rb") as file:
        expected = layout(path, file)
    check_page(page)
    log = cv2.utils.logging
    level = log.setLogLevel(log.LOG_LEVEL_SILENT)  # it prints guesses of colour spaces
    try:
        stored: Array | None = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ValueError(f"broken or cut off ({error.err})") from None
    finally:
        log.setLogLevel(level)
    if stored is None:
        raise ValueError("broken or cut off, or this OpenCV cannot read it")
    planes = stored.reshape(*stored.shape[:2], -1)
    return np.ascontiguousarray(planes[..., :1] if expected.channels == 1 else planes[..., 2::-1]).astype(np.uint16)


def labels(path: PictureFile, page: int | None = None) -> LabelMap:
    """The values of a grey picture as stored."""
    with path.open("rb") as file:
        found = layout(path, file)
    if found.channels != 1:
        raise not_labels(path, found.mode)
    return LabelMap(picture(path, None, page), found.mode, None)


def _jpeg_2000(head: bytes) -> tuple[int, int, int, int, bool]:
    """Width, height, channels, bits and sign from the marker SIZ."""
    place = head.find(CODESTREAM)
    if place < 0 or len(head) < place + 43:
        raise ValueError("broken or cut off (no size)")
    right, lower, left, upper = struct.unpack_from(">4I", head, place + 8)
    count, depth = struct.unpack_from(">HB", head, place + 40)
    return right - left, lower - upper, count, (depth & 0x7F) + 1, bool(depth & 0x80)


def _avif(head: bytes) -> tuple[int, int, int, int, bool]:
    """Width, height, channels and bits from the boxes ispe and av1C."""
    size, codec = head.find(b"ispe"), head.find(b"av1C")
    if size < 0 or codec < 0 or len(head) < max(size + 16, codec + 7):
        raise ValueError("broken or cut off (no size)")
    width, height = struct.unpack_from(">2I", head, size + 8)
    flags = head[codec + 6]
    bits = 8 if not flags & 0x40 else 12 if flags & 0x20 else 10
    return width, height, 1 if flags & 0x10 else 3, bits, False
