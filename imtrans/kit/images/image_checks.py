"""Checks of a picture file: by its header and its end, or by decoding it."""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from imtrans.errors import DataError
from imtrans.interfaces import Issue
from imtrans.kit.formats import is_picture
from imtrans.kit.images import tiff
from imtrans.kit.images.decode import FAULTS, FORMATS, MOST_PIXELS, decode

ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}
TAIL = 64  # bytes to search for the end marker: some cameras and editors append a few
HINT = "Remove its pair, or restore the file."


@dataclass(frozen=True, kw_only=True)
class Header:
    """The header of a picture file: format and mode as Pillow names them ("PNG", "RGB"), and the size when upright.

    `orientation` is that of EXIF (1: as stored); `has_end`: the end marker of the format is in the last bytes.
    """

    format: str
    mode: str
    width: int
    height: int
    orientation: int = 1
    has_end: bool = True


class TooLarge(DataError):
    """A picture with more pixels than `decode` accepts."""


def header(path: Path) -> Header:
    """The header of a picture; no pixel is decoded. DataError if it is of no allowed format, or too large."""
    if not path.is_file():  # pipes and devices would block
        raise DataError(f"{path}: not a regular file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                record = _header(path, image)
    except Image.DecompressionBombError:
        raise TooLarge(f"{path}: has far more than {MOST_PIXELS:,} pixels") from None
    except FAULTS as error:
        if tiff.is_tiff(path):  # of more channels than Pillow can hold
            return Header(format="TIFF", mode="of several channels", width=0, height=0)
        raise DataError(f"{path}: not a picture ({error})") from None
    if record.width * record.height > MOST_PIXELS:
        raise TooLarge(f"{path}: {record.width} x {record.height} pixels are more than {MOST_PIXELS:,}")
    return record


def file_fault(path: Path, *, is_decoded: bool = True) -> Issue | None:
    """What is wrong with the file of a sample, or None. Codes: missing, empty, not-a-picture, too-large, broken.

    Without `is_decoded` only the header is read. Of files that are no pictures by name only the size is checked.
    """
    try:
        size = os.stat(path).st_size if path.is_file() else -1
    except OSError as error:
        return Issue(code="missing", what=f"{path}: {error.strerror}", hint=HINT, files=(path,))
    if size < 0:
        what = "not a regular file" if os.path.lexists(path) and not path.is_symlink() else "no such file"
        return Issue(code="missing", what=f"{path}: {what}", hint=HINT, files=(path,))
    if size == 0:
        return Issue(code="empty", what=f"{path}: the file is empty", hint=HINT, files=(path,))
    if not is_picture(path.name):
        return None
    try:
        header(path)
    except TooLarge as error:
        return Issue(code="too-large", what=error.what, hint="Scale it down, or cut it into pieces.", files=(path,))
    except DataError as error:
        hint = f"Save it as a picture ({', '.join(FORMATS)}), or remove its pair."
        return Issue(code="not-a-picture", what=_decode_error(path) or error.what, hint=hint, files=(path,))
    what = _decode_error(path) if is_decoded else ""
    return Issue(code="broken", what=what, hint=HINT, files=(path,)) if what else None


def _decode_error(path: Path) -> str:
    """The error of the decoder, or the empty string."""
    try:
        decode(path)
    except DataError as error:
        return error.what
    return ""


def _header(path: Path, image: Image.Image) -> Header:
    orientation, kind = _orientation(image), image.format or ""
    # Orientations 5 to 8 are quarter turns.
    width, height = image.size if orientation < 5 else image.size[::-1]
    is_deep = image.mode in ("RGB", "RGBA") and any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    mode = f"{image.mode};16" if is_deep else image.mode
    has_end = _has_end(path, kind)
    return Header(format=kind, mode=mode, width=width, height=height, orientation=orientation, has_end=has_end)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; of a PNG only from its header: Pillow would decode the picture to find more."""
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    try:
        orientation = int(image.getexif().get(tiff.ORIENTATION, 1))
    except FAULTS:
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def _has_end(path: Path, kind: str) -> bool:
    if kind not in ENDS:
        return True
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - TAIL))
        return ENDS[kind] in file.read()
