"""One side of a sample as a member of a tar file: the file that it came from where that says it exactly, else PNG or
NPY."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np

from imtrans.errors import DataError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import Array, decode
from imtrans.kit.images.encode import encoded
from imtrans.kit.images.memory_file import MemoryFile

NPY, JSON = ".npy", ".json"


class Member(NamedTuple):
    """A suffix (".png") and the bytes of a file of that kind."""

    suffix: str
    content: bytes


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
    try:
        read = unpacked(candidate.content, candidate.suffix, spec, name="")
    except DataError:
        return False
    return read.dtype == array.dtype and np.array_equal(read, array)
