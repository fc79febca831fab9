"""Errors of the file system as ResourceError."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from imtrans.errors import ResourceError

ELSEWHERE = "Make room, or set IMTRANS_HOME to a folder on another disk."


@contextlib.contextmanager
def map_write_errors(path: Path) -> Iterator[None]:
    """A block around a write to `path` in the cache: turns an OSError into a ResourceError."""
    try:
        yield
    except OSError as error:
        raise ResourceError(f"{path}: cannot be written: {error.strerror or error}", hint=ELSEWHERE) from error
