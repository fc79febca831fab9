"""Safe decoding of picture files: format and size are checked in the header before a pixel is decoded."""

import logging
import struct
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from imtrans.errors import DataError
from imtrans.kit.images import tiff
from imtrans.kit.images.array import Array
from imtrans.kit.images.tiff_layout import is_tiff

Result = TypeVar("Result")
Palette = tuple[tuple[int, int, int], ...]
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM")
MOST_PIXELS = 64_000_000
# What decoders raise for files that are no valid picture: found by changing bytes of valid ones.
BROKEN = (OSError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError, EOFError)
FAULTS = (*BROKEN, struct.error, zlib.error, Image.DecompressionBombError)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelMap:
    """The class of each pixel, (H, W, 1) whole numbers; the file's mode ("P" has a palette) and its palette."""

    ids: Array
    mode: str
    palette: Palette | None


def decode(path: Path, *, as_labels: bool = False) -> Array:
    """The picture in a file as (H, W, C), dtype as stored (uint8, uint16 or float32), upright by its EXIF orientation.

    Grey gives one channel; alpha is dropped; CMYK and palettes become RGB; a TIFF keeps all its channels. Of several
    frames or pages the first is read. With `as_labels` the indices of a palette, or the values of a grey picture, are
    returned unchanged. Raises DataError, naming the file, for anything that is not a complete picture of an allowed
    format with at most 64 million pixels; the size is read from the header before a pixel is decoded.
    """
    return label_map(path).ids if as_labels else _guarded(path, _picture)


def label_map(path: Path) -> LabelMap:
    """The label map in a file: palette indices, or the values of a grey picture.

    DataError as from `decode`, and for colour pictures, whose values are no labels.
    """
    return _guarded(path, _labels)


def _guarded(path: Path, read: Callable[[Path, "ImageFile | Array"], Result]) -> Result:
    logging.getLogger("PIL").addHandler(tiff.QUIET)  # without a handler Python prints warnings to stderr
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            channels = tiff.read(_regular(path), most_pixels=MOST_PIXELS)
            if channels is not None:
                return read(path, channels)
            with Image.open(path, formats=FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise DataError(
                        f"{_name(path)}: {image.width} x {image.height} pixels are more than {MOST_PIXELS:,}"
                    )
                if getattr(image, "n_frames", 1) > 1 and not is_tiff(path):
                    _log.info("%s: %d frames; the first is taken", path, getattr(image, "n_frames", 1))
                if image.format == "PNG":
                    _verify_checksums(path)
                return read(path, image)
    except UnidentifiedImageError:
        raise DataError(f"{_name(path)}: {_unknown(path)} (read are {', '.join(FORMATS)})") from None
    except FAULTS as error:
        raise DataError(f"{_name(path)}: {_reason(error)}") from None
    except MemoryError:  # 64 million float pixels of several channels take gigabytes
        raise DataError(f"{_name(path)}: needs more memory than there is") from None


def _picture(path: Path, image: ImageFile | Array) -> Array:
    if isinstance(image, np.ndarray):
        return _finite(image)
    is_deep = any(";16" in str(tile[3]) for tile in image.tile) and image.mode in ("RGB", "RGBA")
    image.load()
    # After `load`: to look for EXIF, Pillow may load the picture itself. It has turned a TIFF by then, and says 1.
    orientation = _orientation(image)
    if is_deep:  # OpenCV turns a 16-bit TIFF itself, but no other format
        return tiff.upright(_deep_colour(path), 1 if image.format == "TIFF" else orientation)
    if image.mode.startswith("I"):
        return tiff.upright(_whole_numbers(image), orientation)
    mode = {"1": "L", "L": "L", "LA": "L", "F": "F"}.get(image.mode, "RGB")
    array = _finite(np.array(image if image.mode == mode else image.convert(mode)))
    return tiff.upright(array if array.ndim == 3 else array[..., None], orientation)


def _labels(path: Path, image: ImageFile | Array) -> LabelMap:
    mode = "of several channels" if isinstance(image, np.ndarray) else image.mode
    if isinstance(image, np.ndarray) or not (mode in ("P", "L", "1") or mode.startswith("I")):
        raise DataError(
            f"{_name(path)}: mode {mode} is a picture, not a label map",
            hint="Label maps are palette pictures (mode P), or grey ones (L, I;16) whose values are the classes.",
        )
    image.load()
    ids = _whole_numbers(image) if mode.startswith("I") else np.asarray(image).astype(np.uint8)[..., None]
    return LabelMap(tiff.upright(ids, _orientation(image)), mode, _palette(image) if mode == "P" else None)


def _palette(image: Image.Image) -> Palette:
    flat = (image.getpalette("RGB") or [])[:768]
    return tuple((flat[i], flat[i + 1], flat[i + 2]) for i in range(0, len(flat) - 2, 3))


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 if the EXIF data is broken, which does not spoil the picture."""
    try:
        return int(image.getexif().get(tiff.ORIENTATION, 1))
    except FAULTS as error:
        _log.debug("broken EXIF: %s", error)
        return 1


def _regular(path: Path) -> Path:
    """The path if it is a plain file; pipes, sockets and devices are never opened: they could block or never end."""
    if not path.is_file():
        raise DataError(f"{_name(path)}: {'not a regular file' if path.exists() else 'no such file'}")
    return path


def _verify_checksums(path: Path) -> None:
    """Verify a PNG's checksums. Decoding ignores them: a file whose end was never written becomes half black."""
    with Image.open(path, formats=("PNG",)) as again:
        again.verify()


def _deep_colour(path: Path) -> Array:
    """16-bit colour by OpenCV, as Pillow would convert it to 8; call it after Pillow has verified the file."""
    import cv2

    stored: Array | None = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16:
        raise ValueError("16-bit colour that cannot be read")
    return np.ascontiguousarray(stored[..., 2::-1])


def _whole_numbers(image: Image.Image) -> Array:
    """A picture of mode I as uint16; not through `convert`, which would clip to 8 bits."""
    array = np.asarray(image)
    if array.min() < 0 or array.max() > 65535:
        raise ValueError("holds whole numbers beyond 16 bits")
    return array.astype(np.uint16)[..., None]


def _finite(array: Array) -> Array:
    if array.dtype == np.float32 and not np.isfinite(array).all():
        raise ValueError("holds values that are not finite")
    return array


def _name(path: Path) -> str:
    """The path on one line: a file name may contain line breaks."""
    return str(path).replace("\n", "\\n")


def _unknown(path: Path) -> str:
    try:
        return "the file is empty" if path.stat().st_size == 0 else "not a picture"
    except OSError:
        return "no such file"


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if "MAX_TEXT" in str(error):
        return "holds more text than a picture may (1 MB packed, 64 MB in all)"
    return str(error) if isinstance(error, ValueError) and str(error) else f"broken or cut off ({error})"
