"""What the disk refuses, in words."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from imtrans.errors import ResourceError

ELSEWHERE = "Make room, or set IMTRANS_HOME to a folder on another disk."


@contextlib.contextmanager
def map_write_errors(path: Path) -> Iterator[None]:
    """Around every write to `path` in the cache: ResourceError for what the system says."""
    try:
        yield
    except OSError as error:
        raise ResourceError(f"{path}: cannot be written: {error.strerror or error}", hint=ELSEWHERE) from error
