"""Pretrained networks of others: their packages, and their weight files, downloaded only on request."""

import contextlib
import hashlib
import importlib
import pickle
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from imtrans.atomic_io import digest
from imtrans.errors import CheckpointError, DownloadError, NotInstalledError
from imtrans.kit.torchvision_compat import optional_vision
from imtrans.net.cache_dir import cache_dir
from imtrans.net.download import download
from imtrans.net.file_lock import file_lock
from imtrans.net.retry import PATIENT, RetryPolicy
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
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing = (error.name or name).partition(".")[0]
        is_absent = isinstance(error, ModuleNotFoundError)
        fault = "is not installed" if is_absent else f"cannot be imported ({error})"
        raise NotInstalledError(
            f"{metric}: package {missing!r} {fault}", hint=f'python -m pip install "imtrans[{extra}]"'
        ) from None


def locate(
    published: Published, *, metric: str, file: Path | None = None, fetch: bool = False, patience: RetryPolicy = PATIENT
) -> Path:
    """The path of the weights: `file` if given, else a file found on disk, else, with `fetch`, a download.

    Searched, by their usual names, are imtrans' folder for weights and torch hub's. NotInstalledError if there are
    none, CheckpointError for a file that is missing or not the published one, DownloadError and DataError as
    `imtrans.net.download.download`.
    """
    if file:
        if not file.is_file():
            raise CheckpointError(f"{metric}.weights: no file {str(file)!r}", hint="Name the file of weights.")
        return file
    folder = cache_dir() / "weights"
    if path := _find(published, folder):
        return path
    if fetch:
        return _fetch(published, folder, metric=metric, patience=patience)
    raise NotInstalledError(
        f"{metric}: its weights {published.name} are neither in {str(folder)!r} nor in torch hub's folder",
        hint=f"--set metrics.{metric}.fetch=true downloads them; --set metrics.{metric}.weights=FILE names a copy.",
    )


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file of torch.save by name, on the CPU; no code in the file is run.

    CheckpointError for a file that cannot be read or holds anything else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of pickles of other programs, which are refused below
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise mismatch_error(path, f"it cannot be read: {error.strerror}") from None
    except pickle.UnpicklingError:  # not chained: torch's message explains how to run the code in the file
        content = None
    except (RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError, AssertionError):
        raise mismatch_error(path, "it is broken, or no file of torch.save") from None
    if not isinstance(content, Mapping) or not all(isinstance(v, Tensor) for v in content.values()):
        raise mismatch_error(path, "it holds other things than tensors by name")
    return dict(content)


def fill(
    network: nn.Module, tensors: Mapping[str, Tensor], *, path: Path, names: Mapping[str, str] | None = None
) -> None:
    """Load the state of a network from tensors read from `path`; afterwards it is frozen and in evaluation mode.

    `names`: from the network's names to those in the file, if they differ. The file may hold further tensors.
    CheckpointError for one that is missing or of another shape.
    """
    state = network.state_dict()
    names = names or {name: name for name in state}
    for name, parameter in state.items():
        tensor = tensors.get(names[name])
        if tensor is None:
            raise mismatch_error(path, f"it has no tensor {names[name]!r}")
        if tensor.shape != parameter.shape:
            raise mismatch_error(path, f"{names[name]!r} is {tuple(tensor.shape)}, not {tuple(parameter.shape)}")
    network.load_state_dict({name: tensors[names[name]] for name in state})
    network.eval().requires_grad_(False)


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


def _fetch(published: Published, folder: Path, *, metric: str, patience: RetryPolicy) -> Path:
    path = folder / published.name
    with contextlib.suppress(OSError):  # the download reports a folder that cannot be created
        folder.mkdir(parents=True, exist_ok=True)
    with file_lock(folder / f".{published.name}.lock") as keep_alive:
        if path.is_file():  # another process has fetched it meanwhile
            return path
        try:
            sha256 = download(published.url, path, tick=lambda _done, _all: keep_alive(), patience=patience)
        except DownloadError as error:
            by_hand = f"Or fetch it by hand: --set metrics.{metric}.weights=FILE"
            raise DownloadError(error.what, hint=f"Try again later. {by_hand}") from None
        if not sha256.startswith(published.beginning):
            path.unlink(missing_ok=True)
            raise mismatch(published.url, f"sha256 {sha256[:8]}...", f"{published.beginning}...")
    return path


def mismatch_error(path: Path, why: str, *, hint: str = "Name another file.") -> CheckpointError:
    """The error for a file whose content does not fit the network."""
    return CheckpointError(f"{path}: not the weights that are wanted: {why}", hint=hint)
