"""Readers of weight files; no code in a file is run."""

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

    NotInstalledError if there is no file, CheckpointError for one of another format. torch reads pickles with
    `weights_only` and numpy reads none at all, so no code in a file runs.
    """
    path = path.expanduser()
    if not path.is_file():
        raise NotInstalledError(f"{name}: no file {path}", hint=f"Name an existing file: {KEY}")
    if path.suffix.lower() not in SUFFIXES:
        raise CheckpointError(f"{path}: not a file of weights", hint=f"Use a file that ends in {', '.join(SUFFIXES)}.")
    try:
        return {k: _tensor(v) for k, v in _contents(path).items()}
    except (OSError, ValueError, TypeError, KeyError, EOFError, RuntimeError, AttributeError) as error:
        raise _unreadable(path, error) from None
    except (pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from None


def fill(network: nn.Module, tensors: Mapping[str, Tensor], *, path: Path) -> None:
    """Load weights into a network. CheckpointError names what is missing, unknown, of a wrong shape or not finite."""
    expected = network.state_dict()
    missing, unknown = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    hint = f"The network needs {join_names(expected, most=4)}."
    if missing or unknown:
        differences = (("without", missing), ("with", unknown))
        text = " and ".join(f"{word} {join_names(names, most=4)}" for word, names in differences if names)
        raise CheckpointError(f"{path}: {text}", hint=hint)
    for key, value in expected.items():
        if tensors[key].shape != value.shape:
            raise CheckpointError(f"{path}: {key} is {tuple(tensors[key].shape)}, not {tuple(value.shape)}", hint=hint)
        if not tensors[key].isfinite().all():
            raise CheckpointError(f"{path}: {key} holds numbers that are not finite", hint="Take another copy of it.")
    network.load_state_dict(tensors, assign=True)  # assign: the network may be on the meta device


def _contents(path: Path) -> Mapping[str, Any]:
    if path.suffix.lower() == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return {k: arrays[k] for k in arrays.files}
    if path.suffix.lower() == ".safetensors":
        return _safetensors(path)
    content: Any = torch.load(path, map_location="cpu", weights_only=True)
    inner = content.get("state_dict", content)  # where training scripts store other things beside the weights
    return inner if isinstance(inner, Mapping) else content


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
