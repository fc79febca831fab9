"""onnxruntime-web for the tests that write a page: the user's copy, or one fetched into the cache of the tests."""

import platformdirs

from imtrans.errors import DownloadError
from imtrans_export.web_runtime import VERSION, WASM, runtime_files


def web_flags() -> list[str] | None:
    """More arguments for `imtrans export --to web`; None where the files are not here and cannot be fetched."""
    users = platformdirs.user_cache_path("imtrans") / f"onnxruntime-web-{VERSION}"
    if users.exists():
        return ["--set", f"web.runtime={users}"]
    try:
        runtime_files(WASM, folder=None, is_offline=False)
    except DownloadError:
        return None
    return []
