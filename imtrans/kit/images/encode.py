"""Pictures to files; a format that would lose channels or depth is refused."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imtrans.errors import DataError, ResourceError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images.array import Array
from imtrans.kit.images.readers import npy, tiff

EXACT = {".tif": tiff.encode, ".tiff": tiff.encode, ".npy": npy.encode}
# What OpenCV writes unchanged; it would silently convert anything else to 8 bits.
DEPTHS = {".png": (np.uint8, np.uint16), ".ppm": (np.uint8, np.uint16), ".pgm": (np.uint8, np.uint16)}


def encode(path: Path, picture: Array, *, palette: Sequence[Sequence[int]] | None = None) -> None:
    """Write (H, W, C) uint8, uint16 or float32 as the suffix says; TIFF and NPY take any number of channels.

    A stack (D, H, W, C) becomes the pages of a TIFF.

    With a `palette` a PNG of one channel of 8 bits is written as indices. DataError if the format cannot hold the
    picture unchanged, ResourceError if the file cannot be written.
    """
    data = encoded(path, picture, palette=palette)
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ResourceError(f"{path}: {error.strerror}") from None


def encoded(path: Path, picture: Array, *, palette: Sequence[Sequence[int]] | None = None) -> bytes:
    """The bytes that `encode` writes to a file of this name."""
    suffix = path.suffix.lower()
    data = None
    if picture.ndim == 4 and suffix not in (".tif", ".tiff"):
        raise DataError(f"{path}: a {suffix or 'nameless'} file cannot hold a stack", hint="Use .tif for the output.")
    if palette and suffix == ".png" and picture.shape[-1] == 1 and picture.dtype == np.uint8:
        data = _indexed(picture, palette)
    elif suffix in EXACT:
        data = EXACT[suffix](picture) if picture.dtype in (np.uint8, np.uint16, np.float32) else None
    elif picture.dtype in DEPTHS.get(suffix, (np.uint8,)):
        data = _by_opencv(suffix, picture)
    if data is None:
        kind = f"{picture.dtype} with {picture.shape[-1]} channel{'s' * (picture.shape[-1] != 1)}"
        fits_png = picture.dtype != np.float32 and picture.shape[-1] in (1, 3)
        hint = f"Use {'.png or ' if fits_png else ''}.tif for the output."
        raise DataError(f"{path}: a {path.suffix or 'nameless'} file cannot hold {kind}", hint=hint)
    return data


def suffix_for(spec: ImageSpec) -> str:
    """The suffix of a format that holds images of this kind exactly: .png, else .tif."""
    channels = 3 if spec.space else spec.channels
    fits_png = bool(spec.space) or spec.kind == "labels" or (spec.bits <= 16 and channels in (1, 3))
    return ".png" if fits_png and not spec.is_stack else ".tif"


def _by_opencv(suffix: str, picture: Array) -> bytes | None:
    import cv2

    bgr = picture[..., ::-1] if picture.shape[-1] == 3 else picture
    if picture.shape[-1] not in (1, 3):
        return None
    try:
        is_done, data = cv2.imencode(suffix, np.ascontiguousarray(bgr))
    except cv2.error:
        return None
    return data.tobytes() if is_done else None


def _indexed(picture: Array, palette: Sequence[Sequence[int]]) -> bytes:
    import io

    from PIL import Image

    height, width = picture.shape[:2]
    image, stream = Image.frombytes("P", (width, height), picture.tobytes()), io.BytesIO()
    image.putpalette([value for colour in palette for value in colour])
    image.save(stream, "PNG")
    return stream.getvalue()
