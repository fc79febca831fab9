"""Pretrained networks of others: their packages, and where their weights are, downloaded only on request."""

import contextlib
import hashlib
import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import torch
from torch import nn

from imtrans.atomic_io import digest
from imtrans.errors import CheckpointError, DownloadError, NotInstalledError
from imtrans.kit.torchvision_compat import optional_vision
from imtrans.net.cache_dir import cache_dir
from imtrans.net.download import download
from imtrans.net.file_lock import file_lock
from imtrans.net.retry import DEFAULT_RETRIES, RetryPolicy
from imtrans.net.transfer_errors import mismatch


@dataclass(frozen=True, kw_only=True)
class Published:
    """A published file of weights. As in torch hub, its name ends in the first digits of its sha256.

    `others` are further names of the same file.
    """

    url: str
    others: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The file's name at its publisher."""
        return PurePosixPath(self.url).name

    @property
    def beginning(self) -> str:
        """The first digits of its sha256."""
        match = re.search(r"-([0-9a-f]{8,})\.", self.name)
        assert match, f"{self.name} has no sha256 in its name"
        return match[1]


def package(name: str, *, metric: str, extra: str = "metrics") -> ModuleType:
    """An optional package, or a module of it. NotInstalledError says which extra of imtrans installs it."""
    # Most of them import torchvision, which fails if it was built for another torch.
    optional_vision("torchvision")
    return installed(name, needed_by=metric, extra=extra)


def installed(name: str, *, needed_by: str, extra: str) -> ModuleType:
    """A package of an extra of imtrans, or a module of it. NotInstalledError says what needs it and how it comes."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing = (error.name or name).partition(".")[0]
        is_absent = isinstance(error, ModuleNotFoundError)
        fault = "is not installed" if is_absent else f"cannot be imported ({error})"
        raise NotInstalledError(
            f"{needed_by}: package {missing!r} {fault}", hint=f'python -m pip install "imtrans[{extra}]"'
        ) from None


def locate(
    published: Published,
    *,
    metric: str,
    file: Path | None = None,
    fetch: bool = False,
    retries: RetryPolicy = DEFAULT_RETRIES,
    key: str = "",
) -> Path:
    """The path of the weights: `file` if given, else a file found on disk, else, with `fetch`, a download.

    `key` is that of the component, as --set takes it, if it is not metrics.METRIC. Searched, by their usual names, are
    imtrans' folder for weights and torch hub's. NotInstalledError if there are none, CheckpointError for a file that
    is missing or not the published one, DownloadError and DataError as `imtrans.net.download.download`.
    """
    key = key or f"metrics.{metric}"
    if file:
        if not file.is_file():
            raise CheckpointError(f"{metric}.weights: no file {str(file)!r}", hint="Name the file of weights.")
        return file
    folder = cache_dir() / "weights"
    if path := _find(published, folder):
        return path
    if fetch:
        return _fetch(published, folder, metric=metric, retries=retries)
    raise NotInstalledError(
        f"{metric}: its weights {published.name} are neither in {str(folder)!r} nor in torch hub's folder",
        hint=f"--set {key}.fetch=true downloads them; --set {key}.weights=FILE names a copy.",
    )


def forked_rng() -> contextlib.AbstractContextManager[Any]:
    """A block in which the global generator is forked: building a network draws initial weights that are not used."""
    return torch.random.fork_rng(devices=[])


def fingerprint(network: nn.Module) -> str:
    """A hash of a network's state, names, shapes and dtypes included: 12 hexadecimal digits."""
    hasher = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        hasher.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        hasher.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return hasher.hexdigest()[:12]


def _find(published: Published, cache: Path) -> Path | None:
    """The first file of that name in the cache or torch hub's folder; CheckpointError if its sha256 is another."""
    for folder in (cache, Path(torch.hub.get_dir()) / "checkpoints"):
        for name in (published.name, *published.others):
            path = folder / name
            if path.is_file():
                # Another program may have left an incomplete download, which would give other scores.
                sha256 = digest(path)
                if not sha256.startswith(published.beginning):
                    raise CheckpointError(
                        f"{path}: broken, or another file: its sha256 is {sha256[:8]}..., not {published.beginning}...",
                        hint="Delete it, and download it again.",
                    )
                return path
    return None


def _fetch(published: Published, folder: Path, *, metric: str, retries: RetryPolicy) -> Path:
    path = folder / published.name
    with contextlib.suppress(OSError):  # the download reports a folder that cannot be created
        folder.mkdir(parents=True, exist_ok=True)
    with file_lock(folder / f".{published.name}.lock") as keep_alive:
        if path.is_file():  # another process has fetched it meanwhile
            return path
        try:
            sha256 = download(published.url, path, tick=lambda _done, _all: keep_alive(), retries=retries)
        except DownloadError as error:
            by_hand = f"Or fetch it by hand: --set metrics.{metric}.weights=FILE"
            raise DownloadError(error.what, hint=f"Try again later. {by_hand}") from None
        if not sha256.startswith(published.beginning):
            path.unlink(missing_ok=True)
            raise mismatch(published.url, f"sha256 {sha256[:8]}...", f"{published.beginning}...")
    return path
