"""OpenEXR: floats of 16 and 32 bits, grey (Y) or RGB."""

from typing import Any, BinaryIO

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
        (left, upper), (right, lower) = file.header()["dataWindow"]
        names = [channel.name for channel in file.header()["channels"]]
    width, height = int(right - left) + 1, int(lower - upper) + 1
    found = ContainerLayout(format="EXR", width=width, height=height, channels=_count(path, names), bits=32)
    return found.checked(path)


def picture(path: PictureFile, _background: Color | None, page: int | None = None) -> Array:
    """The picture as (H, W, C) float32; alpha is dropped. ValueError for values that are not finite."""
    with path.open("rb") as opened:
        expected = layout(path, opened)
    check_page(page)
    with _opened(path) as file:
        pixels = {name: channel.pixels for name, channel in file.channels().items()}
    stored = pixels.get("RGB", pixels.get("RGBA", next(iter(pixels.values()))))
    return real_numbers(stored.reshape(*stored.shape[:2], -1)[..., : expected.channels])


def labels(path: PictureFile, _page: int | None = None) -> LabelMap:
    """None: floats are no class numbers."""
    raise not_labels(path, "F")


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
