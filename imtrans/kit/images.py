"""Safe decoding and encoding of pictures, and the one contract of ranges."""

import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from imtrans.errors import DataError, ResourceError, ShapeError
from imtrans.interfaces import Signal, Signals
from imtrans.kit.color import join_lab

Array = np.ndarray[Any, Any]
Interpolation = Literal["nearest", "bilinear", "bicubic", "area", "lanczos"]
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM")
MOST_PIXELS = 64_000_000


def decode(path: Path, *, as_labels: bool = False) -> Array:
    """The picture in a file as (H, W, C), dtype as stored (uint8, uint16 or float32), upright by its EXIF orientation.

    Grey gives one channel; alpha is dropped; CMYK and palettes become RGB, but with `as_labels` a palette file gives
    its indices. Raises DataError, naming the file, for anything that is not a whole picture of an allowed format with
    at most 64 million pixels; the size is read from the header before a pixel is decoded.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(_regular(path), formats=FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise DataError(f"{path}: {image.width} x {image.height} pixels are more than {MOST_PIXELS:,}")
                is_deep = any(";16" in str(tile[3]) for tile in image.tile) and image.mode in ("RGB", "RGBA")
                image.load()
                if is_deep:
                    return _deep_colour(path, image)
                return _array(ImageOps.exif_transpose(image), as_labels=as_labels)
    except UnidentifiedImageError:
        what = "the file is empty" if path.stat().st_size == 0 else "not a picture"
        raise DataError(f"{path}: {what} (read are {', '.join(FORMATS)})") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: {_reason(error)}") from None


def encode(path: Path, picture: Array) -> None:
    """Write (H, W, C) uint8 or uint16 with 1 or 3 channels; the suffix tells the format."""
    import cv2

    shown = picture[..., ::-1] if picture.shape[-1] == 3 else picture
    try:
        is_done, data = cv2.imencode(path.suffix, np.ascontiguousarray(shown))
    except cv2.error:
        is_done = False
    if not is_done:
        kind = f"{picture.dtype} with {picture.shape[-1]} channels"
        raise DataError(f"{path}: a {path.suffix} file cannot hold {kind}", mend="Use .png or .tif for the output.")
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise ResourceError(f"{path}: {error.strerror}") from None


def resize(picture: Array, size: tuple[int, int], interpolation: Interpolation = "bilinear") -> Array:
    """(H, W, C) to (*size, C), same dtype."""
    import cv2

    if picture.shape[:2] == tuple(size):
        return picture
    names = {
        "nearest": "NEAREST_EXACT",
        "bilinear": "LINEAR",
        "bicubic": "CUBIC",
        "area": "AREA",
        "lanczos": "LANCZOS4",
    }
    flag: int = getattr(cv2, f"INTER_{names[interpolation]}")
    resized: Array = cv2.resize(picture, (size[1], size[0]), interpolation=flag)
    return resized.reshape(*size, picture.shape[2])


def with_channels(picture: Array, channels: int, *, name: str = "picture") -> Array:
    """(H, W, C) with another number of channels: grey is repeated, colour is weighted to grey (Rec. 601).

    Raises ShapeError, beginning with `name`, where neither will do.
    """
    have = picture.shape[-1]
    if have == channels:
        return picture
    if have == 1:
        return np.repeat(picture, channels, axis=-1)
    if have == 3 and channels == 1:
        grey = picture @ np.array([0.299, 0.587, 0.114])
        whole: Array = np.rint(grey).astype(picture.dtype)[..., None]
        return whole
    raise ShapeError(f"{name}: {have} channels where {channels} are wanted")


def to_range(stored: Tensor, signal: Signal) -> Tensor:
    """Stored values as float32, `signal.low` to `signal.high` becoming -1 to 1."""
    half = (signal.high - signal.low) / 2
    return stored.float().sub_(signal.low).div_(half).sub_(1)


def from_range(image: Tensor, signal: Signal) -> Array:
    """An image (C, *spatial) in [-1, 1] as it is stored: (*spatial, C), clipped and rounded for whole numbers."""
    half = (signal.high - signal.low) / 2
    stored = (image.detach().float().cpu() + 1) * half + signal.low
    array: Array = np.ascontiguousarray(stored.clamp(signal.low, signal.high).movedim(0, -1).numpy())
    if signal.bits < 32:
        array = np.rint(array).astype(np.uint8 if signal.bits <= 8 else np.uint16)
    return array


def shown(image: Tensor, signal: Signal) -> Array:
    """An image as the network sees it, (C, *spatial), as uint8 (H, W, 3) to look at.

    Labels take their palette; of a volume the middle slice is shown, of other than three channels the first.
    """
    while image.dim() > 3:
        image = image[:, image.shape[1] // 2]
    if signal.kind == "labels":
        return _coloured(image.argmax(0).cpu(), signal)
    planes = image if image.shape[0] == 3 else image[:1].expand(3, *image.shape[1:])
    return from_range(planes, Signal())


def pictured(image: Tensor, source: Tensor, signals: Signals) -> Array:
    """A prediction or target as something to look at, with its source where it needs it: ab has no picture alone."""
    if signals.target.space != "lab-ab" or signals.source.space != "lab-l":
        return shown(image, signals.target)
    return join_lab(from_range(source, signals.source), from_range(image, signals.target))


def _coloured(labels: Tensor, signal: Signal) -> Array:
    colours = torch.tensor(signal.palette or _spread(signal.classes or 1), dtype=torch.uint8)
    picture: Array = colours[labels].numpy()
    return picture


def _spread(classes: int) -> list[list[int]]:
    import colorsys

    return [[int(255 * v) for v in colorsys.hsv_to_rgb(i / classes, 0.6, 0.9)] for i in range(classes)]


def _regular(path: Path) -> Path:
    if not path.is_file():
        raise DataError(f"{path}: {'not a regular file' if path.exists() else 'no such file'}")
    return path


def _array(image: Image.Image, *, as_labels: bool) -> Array:
    if image.mode == "P" and as_labels:
        return np.asarray(image)[..., None]
    if image.mode.startswith("I"):
        return _whole_numbers(image)
    plain = {"1": "L", "L": "L", "LA": "L", "F": "F"}.get(image.mode, "RGB")
    array = np.array(image if image.mode == plain else image.convert(plain))
    if array.dtype == np.float32 and not np.isfinite(array).all():
        raise ValueError("holds values that are not finite")
    return array if array.ndim == 3 else array[..., None]


def _deep_colour(path: Path, image: Image.Image) -> Array:
    """16-bit colour, which Pillow would cut to 8: OpenCV reads it, once Pillow has found the file whole."""
    import cv2

    stored: Array | None = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16:
        raise ValueError("16-bit colour that cannot be read")
    colour = np.ascontiguousarray(stored[..., 2::-1])
    # The four turns and their mirrors, by EXIF's numbers; IMREAD_UNCHANGED applies none.
    turns = {2: (0, 1), 3: (2, 0), 4: (2, 1), 5: (3, 1), 6: (3, 0), 7: (1, 1), 8: (1, 0)}
    quarters, is_mirrored = turns.get(image.getexif().get(0x0112, 1), (0, 0))
    turned = np.rot90(colour, quarters)
    return np.ascontiguousarray(turned[:, ::-1] if is_mirrored else turned)


def _whole_numbers(image: Image.Image) -> Array:
    """16 bit: never through `convert`, which would clip to 8."""
    array = np.asarray(image)
    if array.min() < 0 or array.max() > 65535:
        raise ValueError("holds whole numbers beyond 16 bits")
    return array.astype(np.uint16)[..., None]


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"broken or cut off ({error})" if isinstance(error, OSError | SyntaxError) else str(error)
