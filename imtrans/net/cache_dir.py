"""The folder of downloads and caches."""

import os
from pathlib import Path

import platformdirs

from imtrans.errors import ResourceError


def cache_dir() -> Path:
    """The folder for downloads and caches: IMTRANS_HOME, else the user's cache folder; created if it is missing.

    Raises ResourceError if it cannot be created.
    """
    home = os.environ.get("IMTRANS_HOME")
    path = Path(home) if home else platformdirs.user_cache_path("imtrans")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(
            f"folder {str(path)!r} for downloads and caches cannot be made: {error.strerror}",
            hint="Set IMTRANS_HOME to a folder that can be written.",
        ) from None
    return path
