"""One file from the network: complete and checked, or absent."""

import os
from collections.abc import Callable
from pathlib import Path

from imtrans.atomic_io import sync, sync_folder
from imtrans.errors import DownloadError, Interrupted
from imtrans.net.file_lock import process_name
from imtrans.net.http import Answer, open_url
from imtrans.net.io_errors import map_write_errors
from imtrans.net.partial_download import adopt, forget, release
from imtrans.net.retry import DEFAULT_RETRIES, RetryPolicy
from imtrans.net.transfer import MIN_PROGRESS, Transfer
from imtrans.net.transfer_errors import megabytes


def download(
    url: str,
    target: Path,
    *,
    sha256: str = "",
    size: int = 0,
    copies: float = 1.0,
    tick: Callable[[int, int], None] | None = None,
    retries: RetryPolicy = DEFAULT_RETRIES,
    opener: Callable[..., Answer] = open_url,
) -> str:
    """Fetch `url` into the file `target`; returns its sha256 in hexadecimal.

    `size` in bytes, 0 for unknown; free space for `copies` times as much is required before the first byte. `tick` is
    called with (bytes so far, bytes in all or 0). Raises DownloadError for the network, DataError for other bytes than
    expected, ResourceError for the disk. An interrupted call or process leaves a part, which the next call continues
    if the server says that the file is still the same; after a network failure parts of a megabyte and more are kept.
    """
    with map_write_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(process_name(target.name, "part"))
    transfer = Transfer(url, part, sha256.lower(), size, copies, tick or (lambda _done, _all: None), retries, opener)
    try:
        _prepare(transfer, target.name)
        digest = transfer.run()
        _publish(part, target)
        return digest
    except (KeyboardInterrupt, SystemExit, Interrupted):
        release(part, target.name)
        raise
    except DownloadError as error:
        if transfer.done < MIN_PROGRESS or not release(part, target.name):
            raise
        resume = f"What has arrived ({megabytes(transfer.done)}) is kept, and the same command resumes from there."
        raise DownloadError(error.what, hint=f"{resume}\n{error.hint}") from None
    finally:
        forget(part)


def _prepare(transfer: Transfer, name: str) -> None:
    with map_write_errors(transfer.part):
        partial = adopt(transfer.part, transfer.url, name=name)
        transfer.part.touch()
        if partial:
            transfer.resume_from(partial)


def _publish(part: Path, target: Path) -> None:
    with map_write_errors(target):
        # Before the rename: after a crash the target must not exist without its bytes.
        sync(part)
        os.replace(part, target)
        sync_folder(target.parent)
