"""Stored values of any type as those that pictures have: uint8, uint16 or float32."""

import numpy as np

from imtrans.errors import DataError
from imtrans.kit.images.array import Array
from imtrans.kit.images.readers.memory_file import PictureFile


def whole_numbers(path: PictureFile, values: Array, *, bits: int) -> Array:
    """Whole numbers as uint8, of more than 8 `bits` as uint16. DataError, naming the file, where they do not fit."""
    check_sign(path, values)
    if values.dtype.itemsize > 2 and values.max() > 65535:
        raise DataError(
            f"{path}: holds {values.dtype} values up to {values.max()}; at most 65535 is read",
            hint="Save it as uint16 or float32.",
        )
    return np.ascontiguousarray(values, np.uint8 if bits <= 8 else np.uint16)


def real_numbers(values: Array) -> Array:
    """Floats of any size as float32. ValueError for values that are not finite."""
    real = np.ascontiguousarray(values, np.float32)
    if not np.isfinite(real).all():
        raise ValueError("holds values that are not finite")
    return real


def check_sign(path: PictureFile, values: Array) -> None:
    """DataError, naming the file, for negative whole numbers."""
    if values.dtype.kind == "i" and values.min() < 0:
        raise DataError(
            f"{path}: holds negative {values.dtype} values, down to {values.min()}",
            hint="Save it as float32, or shift the values so that none is negative.",
        )


def mode_name(channels: int, *, bits: int, is_float: bool = False) -> str:
    """The mode without alpha as Pillow would name it; what it has no name for is in words, RGB of 16 bits "RGB;16"."""
    if channels == 1:
        return "F" if is_float else "1" if bits == 1 else "L" if bits <= 8 else "I;16"
    if channels == 3:
        return f"RGB;{bits}" if bits > 8 else "RGB"
    return "of several channels"


def check_page(page: int | None) -> None:
    """ValueError for a page, from 0 on, that a format of one picture a file does not have."""
    if page:
        raise ValueError(f"has no page {page + 1}")
