"""Files of weights, read without running anything of them."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from imtrans.errors import CheckpointError, NotInstalledError, join_names

KEY = "--set metrics.segmentation.network.weights=FILE"
SUFFIXES = (".safetensors", ".npz", ".pth", ".pt")


def read(path: Path, *, name: str) -> dict[str, Tensor]:
    """The tensors of a file by name, on the CPU, for the network `name`.

    NotInstalledError where the file is not there, CheckpointError for what is no such file. Pickles are read by torch with
    `weights_only`, numpy's without: no code in them runs.
    """
    path = path.expanduser()
    if not path.is_file():
        raise NotInstalledError(f"{name}: no file {path}", hint=f"Name a file that is there: {KEY}")
    if path.suffix.lower() not in SUFFIXES:
        raise CheckpointError(f"{path}: no file of weights", hint=f"Of these endings: {', '.join(SUFFIXES)}")
    try:
        return {k: _tensor(v) for k, v in _contents(path).items()}
    except (OSError, ValueError, TypeError, KeyError, EOFError, RuntimeError, AttributeError) as error:
        raise _unreadable(path, error) from None
    except (pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from None


def fill(network: nn.Module, tensors: Mapping[str, Tensor], *, path: Path) -> None:
    """Put weights into a network. CheckpointError names what is missing, too many, of a wrong shape or not finite."""
    wanted = network.state_dict()
    lacking, strange = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    hint = f"Wanted are {join_names(wanted, most=4)}."
    if lacking or strange:
        told = [
            f"{what} {join_names(names, most=4)}" for what, names in (("without", lacking), ("with", strange)) if names
        ]
        raise CheckpointError(f"{path}: {' and '.join(told)}", hint=hint)
    for key, value in wanted.items():
        if tensors[key].shape != value.shape:
            raise CheckpointError(f"{path}: {key} is {tuple(tensors[key].shape)}, not {tuple(value.shape)}", hint=hint)
        if not tensors[key].isfinite().all():
            raise CheckpointError(f"{path}: {key} holds numbers that are not finite", hint="Take another copy of it.")
    network.load_state_dict(tensors, assign=True)


def _contents(path: Path) -> Mapping[str, Any]:
    if path.suffix.lower() == ".npz":
        with np.load(path, allow_pickle=False) as found:
            return {k: found[k] for k in found.files}
    if path.suffix.lower() == ".safetensors":
        return _safetensors(path)
    told: Any = torch.load(path, map_location="cpu", weights_only=True)
    inner = told.get("state_dict", told)
    return inner if isinstance(inner, Mapping) else told


def _safetensors(path: Path) -> Mapping[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def _tensor(value: Any) -> Tensor:
    if not isinstance(value, Tensor | np.ndarray):
        raise TypeError(f"holds {type(value).__name__}, not only tensors")
    return torch.as_tensor(value).float()


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    first = next(iter(str(error).splitlines()), type(error).__name__)
    return CheckpointError(f"{path}: cannot be read as weights: {first[:100]}", hint="Give a file of plain tensors.")
