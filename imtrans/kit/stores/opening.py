"""The store of a path or an address."""

from pathlib import Path

from imtrans.kit.stores.folder_store import FolderStore
from imtrans.kit.stores.store import Store
from imtrans.net.retry import DEFAULT_RETRIES, RetryPolicy


def is_address(text: str) -> bool:
    """Whether a text is an address such as s3://bucket/folder, and no path."""
    return "://" in text


def open_store(address: str, *, cache_bytes: int = 0, retries: RetryPolicy = DEFAULT_RETRIES) -> Store:
    """The store of a folder, or of an address that fsspec reads; nothing is asked of it yet.

    Of an address parts that were read are kept in the cache folder, up to `cache_bytes` in all (0: nothing). Raises
    NotInstalledError where the extra `remote`, or what reads this kind of address, is not installed.
    """
    if not is_address(address):
        return FolderStore(Path(address).expanduser())
    from imtrans.kit.stores.remote_store import RemoteStore

    return RemoteStore(address, cache_bytes=cache_bytes, retries=retries)
