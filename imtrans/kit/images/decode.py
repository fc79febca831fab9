"""Safe decoding of picture files: format and size are checked in the header before a pixel is decoded."""

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TypeVar

import numpy as np
from PIL import UnidentifiedImageError

from imtrans.errors import DataError
from imtrans.kit.images.array import WHITE, Array, Color, LabelMap
from imtrans.kit.images.readers import Reader, reader_of
from imtrans.kit.images.readers.alpha import opacity_as_channel
from imtrans.kit.images.readers.memory_file import PictureFile
from imtrans.kit.images.readers.pillow_formats import FAULTS, QUIET

Result = TypeVar("Result")
Opacities = dict[tuple[str, int | None], Array | None]
_OPACITIES: ContextVar[Opacities | None] = ContextVar("imtrans_opacities", default=None)
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF", "TGA", "JPEG2000", "AVIF", "HEIF", "EXR", "NPY", "NPZ")


def decode(
    path: PictureFile, *, as_labels: bool = False, background: Color | None = WHITE, page: int | None = None
) -> Array:
    """The picture in a file as (H, W, C), dtype as stored (uint8, uint16 or float32), upright by its EXIF orientation.

    Grey gives one channel; CMYK and palettes become RGB; TIFF and NPY keep all channels. What is transparent shows the
    `background`, a colour from 0 to 255 in any depth of the picture; with None alpha is dropped, and colours that it
    hides are seen. Of several frames or pages the first is read, or number `page`, from 0 on. With `as_labels` the
    indices of a palette, or the values of a grey picture, are returned unchanged. Raises DataError, naming the file,
    for anything that is not a complete picture of an allowed format with at most 64 million pixels; the size is read
    from the header before a pixel is decoded.
    """
    if as_labels:
        return label_map(path, page=page).ids
    recorded = _OPACITIES.get()
    if recorded is None:
        return _guarded(path, lambda reader: reader.picture(path, background, page))
    with opacity_as_channel() as found:
        picture = _guarded(path, lambda reader: reader.picture(path, background, page))
    if found:
        recorded[str(path), page], picture = picture[..., -1:].astype(np.uint8), np.ascontiguousarray(picture[..., :-1])
    else:
        recorded[str(path), page] = None
    return picture


@contextlib.contextmanager
def recorded_opacity() -> Iterator[Opacities]:
    """A block in which `decode` also notes where each picture is opaque, by its path and page: (H, W, 1) uint8 of 0 and
    1, None where it has no transparency. Pictures that are decoded anyway need no second look."""
    recorded: Opacities = {}
    token = _OPACITIES.set(recorded)
    try:
        yield recorded
    finally:
        _OPACITIES.reset(token)


def label_map(path: PictureFile, *, page: int | None = None) -> LabelMap:
    """The label map in a file, or in its page from 0 on: palette indices, or the values of a grey picture.

    DataError as from `decode`, and for colour pictures, whose values are no labels.
    """
    return _guarded(path, lambda reader: reader.labels(path, page))


def _guarded(path: PictureFile, read: Callable[[Reader], Result]) -> Result:
    """What `read` gives; every way to fail is a DataError that names the file on one line."""
    logging.getLogger("PIL").addHandler(QUIET)  # without a handler Python prints warnings to stderr
    name = str(path).replace("\n", "\\n")
    if not path.is_file():  # pipes, sockets and devices are never opened: they could block or never end
        raise DataError(f"{name}: {'not a regular file' if path.exists() else 'no such file'}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with path.open("rb") as file:
                reader = reader_of(file)
            return read(reader)
    except DataError as error:
        raise DataError(error.what.replace("\n", "\\n"), hint=error.hint) from None
    except UnidentifiedImageError:
        raise DataError(f"{name}: {_unknown(path)} (read are {', '.join(FORMATS)})") from None
    except FAULTS as error:
        raise DataError(f"{name}: {_reason(error)}") from None
    except MemoryError:  # 64 million float pixels of several channels take gigabytes
        raise DataError(f"{name}: needs more memory than there is") from None


def _unknown(path: PictureFile) -> str:
    try:
        with path.open("rb") as file:
            return "not a picture" if file.read(1) else "the file is empty"
    except OSError:
        return "no such file"


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if "MAX_TEXT" in str(error):
        return "holds more text than a picture may (1 MB packed, 64 MB in all)"
    text = " ".join(str(error).split())  # some libraries end theirs with a line break
    return text if isinstance(error, ValueError) and text else f"broken or cut off ({text})"
