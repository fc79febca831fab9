"""What is wrong with a picture file, told from its header and its end, or by decoding it."""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from imtrans.errors import DataError
from imtrans.interfaces import Issue
from imtrans.kit.formats import is_picture
from imtrans.kit.images import tiff
from imtrans.kit.images.decode import FAULTS, FORMATS, MOST_PIXELS, ORIENTATION, decode

ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}
TAIL = 64  # bytes at the end that are looked at: some cameras and editors append a few
MEND = "Take its pair away, or bring the file back whole."


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a picture file says of itself: format and mode as Pillow names them ("PNG", "RGB"), its size upright, its
    EXIF orientation (1: as it lies), and whether its end is where it should be."""

    format: str
    mode: str
    width: int
    height: int
    orientation: int = 1
    has_end: bool = True


class TooLarge(DataError):
    """A picture of more pixels than are read."""


def header(path: Path) -> Header:
    """The header of a picture; no pixel is decoded. DataError where it is none of an allowed format or too large."""
    if not path.is_file():  # pipes and devices would block
        raise DataError(f"{path}: not a regular file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                told = _told(path, image)
    except Image.DecompressionBombError:
        raise TooLarge(f"{path}: has far more than {MOST_PIXELS:,} pixels") from None
    except FAULTS as error:
        if tiff.is_tiff(path):  # of more channels than Pillow can hold
            return Header(format="TIFF", mode="of several channels", width=0, height=0)
        raise DataError(f"{path}: not a picture ({error})") from None
    if told.width * told.height > MOST_PIXELS:
        raise TooLarge(f"{path}: {told.width} x {told.height} pixels are more than {MOST_PIXELS:,}")
    return told


def file_fault(path: Path, *, is_decoded: bool = True) -> Issue | None:
    """What is wrong with the file behind a sample; None where nothing is. The kinds: missing, empty, not-a-picture,
    too-large, and broken, which cannot be decoded.

    Without `is_decoded` only the header is read. Of files that are no pictures by name only the size is looked at.
    """
    try:
        size = os.stat(path).st_size if path.is_file() else -1
    except OSError as error:
        return Issue(code="missing", what=f"{path}: {error.strerror}", hint=MEND, files=(path,))
    if size < 0:
        what = "not a regular file" if os.path.lexists(path) and not path.is_symlink() else "no such file"
        return Issue(code="missing", what=f"{path}: {what}", hint=MEND, files=(path,))
    if size == 0:
        return Issue(code="empty", what=f"{path}: the file is empty", hint=MEND, files=(path,))
    if not is_picture(path.name):
        return None
    try:
        header(path)
    except TooLarge as error:
        return Issue(code="too-large", what=error.what, hint="Make it smaller, or cut it up.", files=(path,))
    except DataError as error:
        hint = f"Save it as a picture ({', '.join(FORMATS)}), or take its pair away."
        return Issue(code="not-a-picture", what=_decoded(path) or error.what, hint=hint, files=(path,))
    what = _decoded(path) if is_decoded else ""
    return Issue(code="broken", what=what, hint=MEND, files=(path,)) if what else None


def _decoded(path: Path) -> str:
    """What the decoder says against a file."""
    try:
        decode(path)
    except DataError as error:
        return error.what
    return ""


def _told(path: Path, image: Image.Image) -> Header:
    turn, kind = _orientation(image), image.format or ""
    wide, high = image.size if turn < 5 else image.size[::-1]
    is_deep = image.mode in ("RGB", "RGBA") and any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    mode = f"{image.mode};16" if is_deep else image.mode
    return Header(format=kind, mode=mode, width=wide, height=high, orientation=turn, has_end=_has_end(path, kind))


def _orientation(image: Image.Image) -> int:
    """By EXIF; of a PNG only where the header has it: Pillow would decode the picture to look for more."""
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    try:
        told = int(image.getexif().get(ORIENTATION, 1))
    except FAULTS:
        return 1
    return told if 1 <= told <= 8 else 1


def _has_end(path: Path, kind: str) -> bool:
    if kind not in ENDS:
        return True
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - TAIL))
        return ENDS[kind] in file.read()
