"""One side of a sample as a member of a tar file: the file that it came from where that says it exactly, else PNG or
NPY."""

import io
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np

from imtrans.errors import DataError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import Array, decode
from imtrans.kit.images.encode import encoded
from imtrans.kit.images.readers.memory_file import MemoryFile

NPY, JSON = ".npy", ".json"
CUTS = ("whole", "left", "right", "upper", "lower")  # the part of a member that a side is; the index has its number
HALVES = ((1, 2), (2, 1), (3, 4), (4, 3))  # source and target


class Member(NamedTuple):
    """A suffix (".png") and the bytes of a file of that kind; `cut` is the part of it that a side is, by CUTS. Of one
    that was written only `size` and checksum `crc` are left."""

    suffix: str
    content: bytes
    cut: int = 0
    size: int = 0
    crc: int = 0

    def written(self) -> "Member":
        """The same without its bytes."""
        return self._replace(content=b"", size=len(self.content), crc=zlib.crc32(self.content))


def member(array: Array, spec: ImageSpec, file: Path | None = None) -> Member:
    """The side of a sample, (*spatial, C) as stored, as a member that `unpacked` reads as the same array.

    `file`, where it is read so, goes in unchanged: a JPEG stays a JPEG.
    """
    candidates = [_of_file(file)] if file else []
    # PNG holds neither floats nor stacks, and the reader makes colours of two or four channels.
    if array.ndim == 3 and array.shape[-1] in (1, 3) and array.dtype in (np.uint8, np.uint16):
        candidates.append(Member(".png", encoded(Path("side.png"), array)))
    for candidate in candidates:
        if candidate and _gives(candidate, spec, array):
            return candidate
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return Member(NPY, stream.getvalue())


def pair_members(source: Array, target: Array, spec: ImageSpec, file: Path) -> list[Member] | None:
    """The file of both sides as the member of either, each a half of it; None where it does not say them exactly.

    Two halves of a JPEG would as PNG be several times as large, and slower to read.
    """
    whole = _of_file(file)
    picture = _read(whole, spec) if whole else None
    if whole is None or picture is None or picture.ndim != source.ndim or picture.dtype != source.dtype:
        return None
    for first, second in HALVES:
        if np.array_equal(cut(picture, first), source) and np.array_equal(cut(picture, second), target):
            return [whole._replace(cut=first), whole._replace(cut=second)]
    return None


def cut(picture: Array, part: int) -> Array:
    """A part of a picture, by its number in CUTS; the middle row or column of an odd number is in no half."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    places: list[Any] = [(), np.s_[:, :width], np.s_[:, -width:], np.s_[:height], np.s_[-height:]]
    part_of: Array = picture[places[part]]
    return part_of


def unpacked(content: bytes, suffix: str, spec: ImageSpec, *, name: str) -> Array:
    """The side of a sample, (*spatial, C). DataError, beginning with `name`, where the bytes are no such thing."""
    if suffix == NPY:
        try:
            array: Array = np.load(io.BytesIO(content), allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise DataError(f"{name}: is no array ({error})") from None
        return array
    return decode(MemoryFile(name, content), background=spec.background)


def member_key(key: str) -> str:
    """A key as the begin of a member's name: a reader such as webdataset ends a key at its first dot."""
    name = quote(key.encode("utf-8", "surrogateescape"), safe="/ !#$&'()+,-;=@[]^_`{}~").replace(".", "%2E")
    return name if not name.startswith("/") else "%2F" + name[1:]


def facts(key: str, group: str, files: Sequence[Path]) -> bytes:
    """The content of KEY.json: what the sample is called, and the names of its files."""
    names = [file.name for file in files]
    text: dict[str, Any] = {"key": key, **({"group": group} if group != key else {}), "files": names}
    return json.dumps(text).encode()


def _of_file(file: Path) -> Member | None:
    try:
        return Member(file.suffix.lower(), file.read_bytes()) if file.suffix else None
    except OSError:  # the sample itself was read: it is written as that
        return None


def _gives(candidate: Member, spec: ImageSpec, array: Array) -> bool:
    read = _read(candidate, spec)
    return read is not None and read.dtype == array.dtype and np.array_equal(read, array)


def _read(candidate: Member, spec: ImageSpec) -> Array | None:
    try:
        return unpacked(candidate.content, candidate.suffix, spec, name="")
    except DataError:
        return None
