"""Networks trained by others: the packages that carry them, and their files of weights, never fetched unasked."""

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
from imtrans.errors import CheckpointError, DataError, DownloadError, NotInstalledError
from imtrans.kit.torchvision_compat import optional_vision
from imtrans.net.cache_dir import cache_dir
from imtrans.net.download import PATIENT, RetryPolicy, download
from imtrans.net.file_lock import file_lock


@dataclass(frozen=True, kw_only=True)
class Published:
    """A file of weights as its makers offer it. As torch hub has it, its name ends in the beginning of its sha256.

    `others` are further names under which the same bytes go about.
    """

    url: str
    others: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The file's name at its publisher."""
        return PurePosixPath(self.url).name

    @property
    def beginning(self) -> str:
        """What its sha256 begins with."""
        found = re.search(r"-([0-9a-f]{8,})\.", self.name)
        assert found, f"{self.name} does not tell its sha256"
        return found[1]


def package(name: str, *, metric: str, extra: str = "metrics") -> ModuleType:
    """An optional package, or a module of it. NotInstalledError says which extra of imtrans installs it."""
    # Most of them import torchvision, which wants care.
    optional_vision("torchvision")
    try:
        return importlib.import_module(name)
    except ImportError as error:
        lacking = (error.name or name).partition(".")[0]
        is_absent = isinstance(error, ModuleNotFoundError)
        fault = "is not installed" if is_absent else f"cannot be imported ({error})"
        raise NotInstalledError(
            f"{metric}: package {lacking!r} {fault}", hint=f'python -m pip install "imtrans[{extra}]"'
        ) from None


def locate(
    published: Published, *, metric: str, file: Path | None = None, fetch: bool = False, patience: RetryPolicy = PATIENT
) -> Path:
    """Where the weights are: `file` if it is given, else what is found, else, with `fetch`, what is downloaded.

    Looked for, under their usual names, in imtrans' folder for weights and in torch hub's. NotInstalledError where
    there are none, CheckpointError for a file that is not there or not the published one, DownloadError and DataError
    as `imtrans.net.download.download`.
    """
    if file:
        if not file.is_file():
            raise CheckpointError(f"{metric}.weights: no file {str(file)!r}", hint="Name the file of weights.")
        return file
    own = cache_dir() / "weights"
    found = _found(published, own)
    if found:
        return found
    if fetch:
        return _fetched(published, own, metric=metric, patience=patience)
    raise NotInstalledError(
        f"{metric}: its weights {published.name} are neither in {str(own)!r} nor in torch hub's folder",
        hint=f"--set metrics.{metric}.fetch=true downloads them; --set metrics.{metric}.weights=FILE names a copy.",
    )


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file as torch.save writes it, by name, on the CPU; nothing in the file is run.

    CheckpointError for what holds anything else.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's, about pickles of other makes, which are refused anyway
            stored = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise mismatch_error(path, f"it cannot be read: {error.strerror}") from None
    except pickle.UnpicklingError:  # its words tell how to run the code in the file
        stored = None
    except (RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError, AssertionError):
        raise mismatch_error(path, "it is broken, or no file of torch.save") from None
    if not isinstance(stored, Mapping) or not all(isinstance(v, Tensor) for v in stored.values()):
        raise mismatch_error(path, "it holds other things than tensors by name")
    return dict(stored)


def fill(
    network: nn.Module, tensors: Mapping[str, Tensor], *, path: Path, names: Mapping[str, str] | None = None
) -> None:
    """Load all of a network's state from tensors read from `path`; frozen and in evaluation mode afterwards.

    `names` tells what the network's tensors are called in the file, where that differs. More than those may be there.
    CheckpointError for one that is missing or of another shape.
    """
    wanted = network.state_dict()
    names = names or {name: name for name in wanted}
    for name, tensor in wanted.items():
        found = tensors.get(names[name])
        if found is None:
            raise mismatch_error(path, f"it has no tensor {names[name]!r}")
        if found.shape != tensor.shape:
            raise mismatch_error(path, f"{names[name]!r} is {tuple(found.shape)}, not {tuple(tensor.shape)}")
    network.load_state_dict({name: tensors[names[name]] for name in wanted})
    network.eval().requires_grad_(False)


def forked_rng() -> contextlib.AbstractContextManager[Any]:
    """A block whose draws change nothing outside: making a network, to be filled at once, draws its first weights."""
    return torch.random.fork_rng(devices=[])


def fingerprint(network: nn.Module) -> str:
    """What tells a network's state from any other, in 12 characters."""
    made = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        made.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        made.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return made.hexdigest()[:12]


def _found(published: Published, own: Path) -> Path | None:
    """The first file of that name; checked, as one that broke off gives other numbers under the same name."""
    for folder in (own, Path(torch.hub.get_dir()) / "checkpoints"):
        for name in (published.name, *published.others):
            path = folder / name
            if path.is_file():
                told = digest(path)
                if not told.startswith(published.beginning):
                    raise CheckpointError(
                        f"{path}: broken, or another file: its sha256 is {told[:8]}..., not {published.beginning}...",
                        hint="Delete it.",
                    )
                return path
    return None


def _fetched(published: Published, folder: Path, *, metric: str, patience: RetryPolicy) -> Path:
    path = folder / published.name
    with contextlib.suppress(OSError):  # if it cannot be made the download will say so
        folder.mkdir(parents=True, exist_ok=True)
    with file_lock(folder / f".{published.name}.lock") as sign:
        if path.is_file():  # by another process, meanwhile
            return path
        try:
            told = download(published.url, path, tick=lambda _done, _all: sign(), patience=patience)
        except DownloadError as error:
            by_hand = f"Or fetch it by hand: --set metrics.{metric}.weights=FILE"
            raise DownloadError(error.what, hint=f"Try again later. {by_hand}") from None
        if not told.startswith(published.beginning):
            path.unlink(missing_ok=True)
            raise DataError(
                f"{published.url}: got sha256 {told[:8]}..., expected {published.beginning}...",
                hint="The file was deleted. Try again; if it stays so, the publisher or somebody else has changed it.",
            )
    return path


def mismatch_error(path: Path, why: str, *, hint: str = "Name another file.") -> CheckpointError:
    """The error for a file that holds other weights than those of the network."""
    return CheckpointError(f"{path}: not the weights that are wanted: {why}", hint=hint)
