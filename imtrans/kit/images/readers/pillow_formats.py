"""Pictures that Pillow opens: PNG, JPEG, WebP, BMP, PPM, GIF, TGA, and JPEG 2000 and AVIF of 8 bits.

Of more than 8 bits in colour it reads the header only.
"""

import contextlib
import logging
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile

from imtrans.errors import DataError
from imtrans.kit.images.array import Array, Color, LabelMap, Palette
from imtrans.kit.images.readers.alpha import composite
from imtrans.kit.images.readers.memory_file import PictureFile
from imtrans.kit.images.readers.orientation import ORIENTATION, upright

PILLOW_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "PPM", "GIF", "JPEG2000", "AVIF")
MAX_PIXELS = 64_000_000
# What decoders raise for files that are no valid picture: found by changing bytes of valid ones.
BROKEN = (OSError, SyntaxError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError, EOFError)
FAULTS = (*BROKEN, RuntimeError, struct.error, zlib.error, Image.DecompressionBombError)
GREY = ("1", "L", "LA", "F")
FEW_BITS = {"L;2": 85, "L;4": 17}  # by what Pillow multiplies grey of few bits
# Keeps decoders' log messages about broken files off the terminal: the DataError says it.
QUIET = logging.NullHandler()
_log = logging.getLogger(__name__)


def formats_of(path: PictureFile) -> tuple[str, ...]:
    """What a file may be. TGA has no mark at its beginning: only the name tells that it is meant."""
    return (*PILLOW_FORMATS, "TGA") if path.suffix.lower() == ".tga" else PILLOW_FORMATS


@contextlib.contextmanager
def opened(path: PictureFile, frame: int | None = None) -> Iterator[ImageFile]:
    """A picture whose header was read and checked; no pixel is decoded. What Pillow raises for broken ones.

    Of an animation it is the first frame, which is logged, unless one is chosen.
    """
    with path.open("rb") as file, Image.open(file, formats=formats_of(path)) as image:
        if image.width * image.height > MAX_PIXELS:
            raise DataError(f"{path}: {image.width} x {image.height} pixels are more than {MAX_PIXELS:,}")
        if frame:
            _seek(image, frame)
        elif frame is None and getattr(image, "n_frames", 1) > 1:
            _log.info("%s: %d frames; the first is taken", path, getattr(image, "n_frames", 1))
        if image.format == "PNG":
            _verify_checksums(path)
        yield image


def _seek(image: ImageFile, frame: int) -> None:
    try:
        image.seek(frame)
    except EOFError:
        raise ValueError(f"has no page {frame + 1}") from None


def picture(path: PictureFile, background: Color | None, frame: int | None = None) -> Array:
    """The picture as (H, W, C) uint8, uint16 or float32, upright; what is transparent shows the background."""
    with opened(path, frame) as image:
        if is_deep(image) and (image.mode in ("RGB", "RGBA", "LA") or image.format == "PPM"):
            colours, alpha = _deep_ppm(path, image) if image.format == "PPM" else _deep_png(path, image)
        else:
            colours, alpha = _loaded(image)
        if alpha is not None:
            white = 65535 if colours.dtype == np.uint16 else 255
            colours = composite(colours, alpha, background, white=white)
        return upright(colours, orientation(image))


def labels(path: PictureFile, frame: int | None = None) -> LabelMap:
    """The indices of a palette picture, or the values of a grey one as stored."""
    with opened(path, frame) as image:
        mode, raw = image.mode, raw_mode(image)
        if not (mode in ("P", "L", "1") or mode.startswith("I")):
            raise not_labels(path, mode)
        if image.format == "PPM" and is_deep(image):
            ids = _deep_ppm(path, image)[0]
        else:
            image.load()
            ids = whole_numbers(image) if mode.startswith("I") else np.asarray(image).astype(np.uint8)[..., None]
        if image.format == "PNG" and raw in FEW_BITS:
            ids //= FEW_BITS[raw]
        return LabelMap(upright(ids, orientation(image)), mode, _palette(image) if mode == "P" else None)


def not_labels(path: PictureFile, mode: str) -> DataError:
    """The error for a picture whose values are no classes."""
    return DataError(
        f"{path}: mode {mode} is a picture, not a label map",
        hint="Label maps are palette pictures (mode P), or grey ones (L, I;16) whose values are the classes.",
    )


def raw_mode(image: ImageFile) -> str:
    """How Pillow names the stored samples of an image that is not loaded yet, such as "RGB;16B"; "" if unknown."""
    arguments = [tile[3] for tile in getattr(image, "tile", ())][:1]
    first = arguments[0][0] if arguments and isinstance(arguments[0], tuple) else "".join(map(str, arguments))
    return str(first)


def is_deep(image: ImageFile) -> bool:
    """Whether a picture that is not loaded yet has more than 8 bits a value."""
    if image.format == "PPM":
        return image.mode.startswith("I") or _highest(image) > 255
    return image.mode.startswith("I") or (image.format == "PNG" and ";16" in raw_mode(image))


def channels(image: ImageFile) -> int:
    """The number of channels that a picture that is not loaded yet is read in; of 16-bit LA Pillow says RGBA."""
    return 1 if image.mode in GREY or image.mode.startswith("I") or raw_mode(image).startswith("LA") else 3


def orientation(image: ImageFile) -> int:
    """The EXIF orientation, 1 to 8; 1 if the EXIF data is broken, which does not spoil the picture."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except FAULTS as error:
        _log.debug("broken EXIF: %s", error)
        return 1


def whole_numbers(image: Image.Image) -> Array:
    """A picture of mode I as uint16; not through `convert`, which would clip to 8 bits."""
    array = np.asarray(image)
    if array.min() < 0 or array.max() > 65535:
        raise ValueError("holds whole numbers beyond 16 bits")
    return array.astype(np.uint16)[..., None]


def _loaded(image: ImageFile) -> tuple[Array, Array | None]:
    """The colours, and alpha (H, W) if there is any, of what Pillow holds exactly."""
    key, scale = image.info.get("transparency"), FEW_BITS.get(raw_mode(image), 1)
    image.load()
    if image.mode.startswith("I"):
        array = whole_numbers(image)
    elif image.mode == "F":
        array = np.array(image)[..., None]
        if not np.isfinite(array).all():
            raise ValueError("holds values that are not finite")
    elif image.mode in ("1", "L", "LA"):
        array = np.array(image.convert("L") if image.mode == "1" else image)
    elif image.mode in ("RGBA", "PA") or (image.mode == "P" and key is not None):
        array = np.array(image.convert("RGBA"))
    else:
        array = np.array(image if image.mode == "RGB" else image.convert("RGB"))
    array = array if array.ndim == 3 else array[..., None]
    if array.shape[-1] in (2, 4):
        return np.ascontiguousarray(array[..., :-1]), array[..., -1]
    return array, _keyed(array, key, scale=scale)


def _keyed(array: Array, key: object, *, scale: int = 1) -> Array | None:
    """Alpha by the one colour that is transparent, if there is one: a number, or a tuple of them."""
    if not isinstance(key, int | tuple):
        return None
    is_hidden = (array == np.asarray(key) * scale).all(-1)
    return np.where(is_hidden, 0, np.iinfo(array.dtype).max).astype(array.dtype)


def _deep_png(path: PictureFile, image: ImageFile) -> tuple[Array, Array | None]:
    """16-bit colour or grey with alpha by OpenCV, as Pillow would convert it to 8; Pillow has verified the file."""
    import cv2

    is_grey = channels(image) == 1
    image.load()
    stored: Array | None = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16 or stored.ndim != 3:
        raise ValueError("16-bit colour that cannot be read")
    colours = np.ascontiguousarray(stored[..., :1] if is_grey else stored[..., 2::-1])
    if image.mode in ("LA", "RGBA"):
        return colours, stored[..., 3]
    return colours, _keyed(colours, image.info.get("transparency"))


def _deep_ppm(path: PictureFile, image: ImageFile) -> tuple[Array, None]:
    """A PPM or PGM of more than 8 bits; Pillow reads colour as 8. The range becomes 0 to 65535."""
    if image.tile[0][0] == "ppm_plain":
        if image.mode == "RGB":
            raise ValueError("colour of more than 8 bits written as text is not read")
        image.load()
        return whole_numbers(image), None
    channels, highest = (3 if image.mode == "RGB" else 1), np.uint32(_highest(image))
    count = image.width * image.height * channels
    start = image.tile[0][2]
    content = path.read_bytes()[start : start + 2 * count]
    if len(content) < 2 * count:
        raise ValueError("broken or cut off (pixels are missing)")
    values = np.frombuffer(content, ">u2")
    wide = np.minimum(values.astype(np.uint32), highest) * np.uint32(65535)
    return ((wide + highest // 2) // highest).astype(np.uint16).reshape(image.height, image.width, channels), None


def _highest(image: ImageFile) -> int:
    """The value of a PPM that is white."""
    arguments = image.tile[0][3] if image.tile else ()
    if isinstance(arguments, tuple) and len(arguments) == 2:
        return int(arguments[1])
    return 65535 if str(arguments).startswith("I;16") else 255


def _palette(image: Image.Image) -> Palette:
    flat = (image.getpalette("RGB") or [])[:768]
    return tuple((flat[i], flat[i + 1], flat[i + 2]) for i in range(0, len(flat) - 2, 3))


def _verify_checksums(path: PictureFile) -> None:
    """Verify a PNG's checksums. Decoding ignores them: a file whose end was never written becomes half black."""
    with path.open("rb") as file, Image.open(file, formats=("PNG",)) as again:
        again.verify()
