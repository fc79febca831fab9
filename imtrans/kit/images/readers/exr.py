"""OpenEXR: floats of 16 and 32 bits, grey (Y) or RGB."""

from typing import Any, BinaryIO

import numpy as np

from imtrans.errors import DataError
from imtrans.kit.images.array import Array, Color, LabelMap
from imtrans.kit.images.readers.container import ContainerLayout, library
from imtrans.kit.images.readers.memory_file import MemoryFile, PictureFile
from imtrans.kit.images.readers.pillow_formats import not_labels
from imtrans.kit.images.readers.samples import check_page, real_numbers

MAGIC = b"\x76\x2f\x31\x01"


def layout(path: PictureFile, _file: BinaryIO) -> ContainerLayout:
    """The layout of a file; no pixel is decoded. DataError for other channels than grey or RGB."""
    with _opened(path, header_only=True) as file:
        (left, upper), (right, lower) = file.header()["displayWindow"]
        names = [channel.name for channel in file.header()["channels"]]
    width, height = int(right - left) + 1, int(lower - upper) + 1
    found = ContainerLayout(format="EXR", width=width, height=height, channels=_count(path, names), bits=32)
    return found.checked(path)


def picture(path: PictureFile, _background: Color | None, page: int | None = None) -> Array:
    """The display window as (H, W, C) float32; alpha is dropped. ValueError for values that are not finite."""
    with path.open("rb") as opened:
        expected = layout(path, opened)
    check_page(page)
    with _opened(path) as file:
        pixels = {name: channel.pixels for name, channel in file.channels().items()}
        corners = [file.header()[name][0] for name in ("dataWindow", "displayWindow")]
    stored = pixels.get("RGB", pixels.get("RGBA", next(iter(pixels.values()))))
    left, top = (int(data - shown) for data, shown in zip(*corners, strict=True))
    stored = stored.reshape(*stored.shape[:2], -1)[..., : expected.channels]
    return real_numbers(_as_shown(stored, top, left, (expected.height, expected.width)))


def labels(path: PictureFile, _page: int | None = None) -> LabelMap:
    """None: floats are no class numbers."""
    raise not_labels(path, "F")


def _as_shown(stored: Array, top: int, left: int, size: tuple[int, int]) -> Array:
    """What viewers show of pixels that begin at (top, left): black where the file has none, without what lies outside.

    Renderers cut off empty borders, and OpenEXR 3.5 gives the rest without its place
    (findings/openexr-leaves-out-the-place.sh).
    """
    if (top, left) == (0, 0) and stored.shape[:2] == size:
        return stored
    shown = np.zeros((*size, stored.shape[2]), stored.dtype)
    inside = stored[max(0, -top) : max(0, size[0] - top), max(0, -left) : max(0, size[1] - left)]
    top, left = max(0, top), max(0, left)
    shown[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return shown


def _count(path: PictureFile, names: list[str]) -> int:
    if {"R", "G", "B"} <= {*names} <= {"R", "G", "B", "A"}:
        return 3
    if len(names) == 1:
        return 1
    hint = "Save grey (Y), or R, G and B, in a file of their own."
    raise DataError(f"{path}: EXR of the channels {', '.join(sorted(names)[:8])} is not read", hint=hint)


def _opened(path: PictureFile, *, header_only: bool = False) -> Any:
    if isinstance(path, MemoryFile):
        raise DataError(f"{path}: EXR is read from files alone", hint="Save it as .npy or .tif.")
    return library("OpenEXR", "OpenEXR", path).File(str(path), header_only=header_only)
