"""Checks of a picture file: by its header and its end, or by decoding it."""

import os
from pathlib import Path

from imtrans.errors import DataError
from imtrans.interfaces import Issue
from imtrans.kit.formats import is_picture
from imtrans.kit.images.decode import FORMATS, decode
from imtrans.kit.images.header import TooLarge, header

HINT = "Remove its pair, or restore the file."


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
