"""Arrays of NumPy: (H, W), or (H, W, C) with channels last. Nothing in a file is ever unpickled."""

import io
import math
from dataclasses import dataclass
from tokenize import TokenError
from typing import IO, BinaryIO, cast

import numpy as np
from numpy.lib import format as npy_format

from imtrans.errors import DataError
from imtrans.kit.images.array import Array, Color, LabelMap
from imtrans.kit.images.readers.memory_file import PictureFile, byte_count
from imtrans.kit.images.readers.pillow_formats import MAX_PIXELS, not_labels
from imtrans.kit.images.readers.samples import check_page, mode_name, real_numbers, whole_numbers
from imtrans.kit.images.readers.tiff.layout import MAX_CHANNELS

MAGIC = b"\x93NUMPY"
HEADERS = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
TYPES = [np.dtype(name) for name in ("bool", "f2", "f4", "f8", *(f"{kind}{n}" for kind in "iu" for n in (1, 2, 4, 8)))]
MAX_COLOURS, MAX_COLUMNS = 4, 32  # a first axis so short before a last one that is longer is that of the channels


@dataclass(frozen=True, kw_only=True)
class NpyLayout:
    """What the header of an array says; its values begin at byte `offset`. `is_whole`: the file ends where they do."""

    shape: tuple[int, int, int]
    stored: np.dtype[np.generic]
    is_fortran: bool
    offset: int
    is_whole: bool

    @property
    def is_float(self) -> bool:
        """Whether the values are not whole numbers."""
        return self.stored.kind == "f"

    @property
    def bits(self) -> int:
        """Significant bits of a value as it is read: whole numbers of more than 16 must fit into 16, floats have 32."""
        return 32 if self.is_float else 1 if self.stored.kind == "b" else min(8 * self.stored.itemsize, 16)

    @property
    def dtype(self) -> str:
        """The type of the picture that is read."""
        return "float32" if self.is_float else "uint8" if self.bits <= 8 else "uint16"

    @property
    def mode(self) -> str:
        """The mode as Pillow would name it."""
        return mode_name(self.shape[-1], bits=self.bits, is_float=self.is_float)


def npy_layout(path: PictureFile, file: IO[bytes], *, size: int | None = None) -> NpyLayout:
    """The layout of an array file of so many bytes, from its beginning. DataError for arrays that are not read.

    ValueError for broken headers.
    """
    version = npy_format.read_magic(file)
    if version not in HEADERS:
        raise DataError(f"{path}: an array file of version {version[0]}.{version[1]} is not read")
    try:
        shape, is_fortran, stored = HEADERS[version](file)
    # The errors of Python's own parser, which reads the header; NumPy passes them on.
    except (ValueError, MemoryError, RecursionError, TokenError) as error:
        raise ValueError(f"broken or cut off ({str(error).splitlines()[0] if str(error) else 'its header'})") from None
    if stored.newbyteorder("=") not in TYPES:
        raise DataError(
            f"{path}: an array of {'Python objects' if stored.hasobject else f'type {stored}'} is not read",
            hint="Save it as uint8, uint16 or float32.",
        )
    spatial = _picture_size(path, shape)
    place, total = file.tell(), byte_count(cast(BinaryIO, file)) if size is None else size
    is_whole = total == place + math.prod(spatial) * stored.itemsize
    return NpyLayout(shape=spatial, stored=stored, is_fortran=is_fortran, offset=place, is_whole=is_whole)


def _picture_size(path: PictureFile, shape: tuple[int, ...]) -> tuple[int, int, int]:
    text = " x ".join(map(str, shape)) or "one value"
    if len(shape) not in (2, 3) or min(shape) < 1 or (len(shape) == 3 and shape[2] > MAX_CHANNELS):
        raise DataError(
            f"{path}: an array of {text} is no picture",
            hint=f"Save (height, width), or (height, width, channels) with at most {MAX_CHANNELS} channels.",
        )
    if len(shape) == 3 and shape[0] <= MAX_COLOURS and shape[2] > MAX_COLUMNS:
        raise DataError(
            f"{path}: an array of {text} has its channels first, or {shape[2]} channels",
            hint="Save it with channels last: np.save(path, np.moveaxis(array, 0, -1))",
        )
    return shape[0], shape[1], shape[2] if len(shape) == 3 else 1


def picture(path: PictureFile, _background: Color | None, page: int | None = None) -> Array:
    """The array as (H, W, C) uint8, uint16 or float32; there is no alpha, so that the background is not used."""
    check_page(page)
    return as_picture(path, *_values(path))


def as_picture(path: PictureFile, values: Array, layout: NpyLayout) -> Array:
    """Values as stored as a picture, (H, W, C) uint8, uint16 or float32."""
    if layout.is_float:
        return real_numbers(values)
    return whole_numbers(path, values, bits=layout.bits) * np.uint8(255 if layout.bits == 1 else 1)


def labels(path: PictureFile, page: int | None = None) -> LabelMap:
    """The label map in an array of one channel: its whole numbers, or 0 and 1 of truth values."""
    check_page(page)
    return as_labels(path, *_values(path))


def as_labels(path: PictureFile, values: Array, layout: NpyLayout) -> LabelMap:
    """Values as stored as a label map. DataError for several channels, and for floats."""
    if layout.shape[-1] != 1 or layout.is_float:
        raise not_labels(path, layout.mode)
    return LabelMap(whole_numbers(path, values, bits=layout.bits), layout.mode, None)


def encode(picture: Array) -> bytes:
    """The bytes of an array file that holds (H, W, C) exactly; one channel as (H, W)."""
    stream = io.BytesIO()
    np.save(stream, picture[..., 0] if picture.shape[-1] == 1 else picture, allow_pickle=False)
    return stream.getvalue()


def check_size(path: PictureFile, layout: NpyLayout) -> None:
    """DataError for too many pixels, ValueError for a file that is not as long as its header says."""
    height, width, channels = layout.shape
    if height * width > MAX_PIXELS or height * width * channels > 4 * MAX_PIXELS:
        raise DataError(f"{path}: {width} x {height} pixels of {channels} channels are more than {MAX_PIXELS:,}")
    if not layout.is_whole:
        raise ValueError("broken or cut off (its size is not what its header says)")


def _values(path: PictureFile) -> tuple[Array, NpyLayout]:
    """All values, (H, W, C), as stored. Size and type are checked before anything is allocated."""
    with path.open("rb") as file:
        layout = npy_layout(path, file)
        check_size(path, layout)
        flat = np.empty(math.prod(layout.shape), layout.stored)
        file.readinto(flat.view(np.uint8).data)  # type: ignore[attr-defined]
        return flat.reshape(layout.shape, order="F" if layout.is_fortran else "C"), layout
