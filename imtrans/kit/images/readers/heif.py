"""HEIC and HEIF, read by pillow-heif as deep as they are."""

from typing import Any, BinaryIO

import numpy as np

from imtrans.kit.images.array import Array, Color, LabelMap
from imtrans.kit.images.readers.alpha import composite
from imtrans.kit.images.readers.container import ContainerLayout, library
from imtrans.kit.images.readers.memory_file import PictureFile
from imtrans.kit.images.readers.pillow_formats import not_labels
from imtrans.kit.images.readers.samples import check_page

BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


def is_heif(begin: bytes) -> bool:
    """Whether a file that begins so is HEIF, by the brand of its first box."""
    return begin[4:8] == b"ftyp" and begin[8:12] in BRANDS


def layout(path: PictureFile, _file: BinaryIO) -> ContainerLayout:
    """The layout of a file; no pixel is decoded."""
    image = _opened(path)
    mode, bits = image.mode.partition(";")[0], int(image.info.get("bit_depth") or 8)
    width, height = image.size
    channels = 1 if mode in ("L", "LA") else 3
    found = ContainerLayout(
        format="HEIF", width=width, height=height, channels=channels, bits=bits, has_alpha=mode.endswith("A")
    )
    return found.checked(path)


def picture(path: PictureFile, background: Color | None, page: int | None = None) -> Array:
    """The first picture as (H, W, C) uint8 or uint16, values as stored, upright."""
    image = _opened(path)
    check_page(page)
    bits = int(image.info.get("bit_depth") or 8)
    stored: Array = np.asarray(image)
    stored = stored.reshape(*stored.shape[:2], -1)
    if stored.dtype == np.uint16:
        stored = stored >> (16 - bits)  # the library fills 16 bits with zeros from below
    if stored.shape[-1] in (2, 4):
        white = 2**bits - 1
        return composite(np.ascontiguousarray(stored[..., :-1]), stored[..., -1], background, white=white)
    return np.ascontiguousarray(stored)


def labels(path: PictureFile, _page: int | None = None) -> LabelMap:
    """None: what is compressed with loss holds no class numbers."""
    raise not_labels(path, "HEIF")


def _opened(path: PictureFile) -> Any:
    with path.open("rb") as file:
        return library("pillow_heif", "pillow-heif", path).open_heif(file.read(), convert_hdr_to_8bit=False)
