"""Files of weights: read without running any code in them, and loaded into a network that they fit."""

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from imtrans.errors import CheckpointError, join_names

# What the readers raise for files that are broken or of another kind.
BROKEN = (RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError, AssertionError)


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, on the CPU, those of floating point in float32.

    The suffix tells .safetensors and .npz from files of torch.save, where they may stand under "state_dict". torch
    reads pickles with `weights_only` and numpy reads none at all. CheckpointError for a file of anything else.
    """
    try:
        content = _contents(path)
    except OSError as error:
        raise mismatch_error(path, f"it cannot be read: {error.strerror or error}") from None
    except pickle.UnpicklingError:  # not chained: torch's message explains how to run the code in the file
        content = None
    except (*BROKEN, zipfile.BadZipFile):
        raise mismatch_error(path, "it is broken, or no file of weights (.safetensors, .npz, .pth, .pt)") from None
    if not isinstance(content, Mapping) or not all(isinstance(v, Tensor | np.ndarray) for v in content.values()):
        raise mismatch_error(path, "it holds other things than tensors by name")
    tensors = {name: torch.as_tensor(value) for name, value in content.items()}
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}


def fill(
    network: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    path: Path,
    names: Mapping[str, str] | None = None,
    may_hold_more: bool = True,
) -> None:
    """Load the state of a network from tensors read from `path`; afterwards it is frozen and in evaluation mode.

    The network may be on the meta device. `names`: from the network's names to those in the file, if they differ.
    CheckpointError names what is missing, of another shape, not finite or, unless the file `may_hold_more`, unknown.
    """
    state = network.state_dict()
    names = names or {name: name for name in state}
    wanted = {names[name]: value for name, value in state.items()}
    missing, unknown = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    differences = (("without", missing), ("with", [] if may_hold_more else unknown))
    if text := " and ".join(f"{word} {join_names(each, most=4)}" for word, each in differences if each):
        raise mismatch_error(path, text, hint=f"The network needs {join_names(wanted, most=4)}.")
    for name, value in wanted.items():
        if tensors[name].shape != value.shape:
            raise mismatch_error(path, f"{name} is {tuple(tensors[name].shape)}, not {tuple(value.shape)}")
        if tensors[name].is_floating_point() and not all_finite(tensors[name]):
            raise mismatch_error(path, f"{name} holds numbers that are not finite", hint="Take another copy of it.")
    network.load_state_dict({name: tensors[names[name]] for name in state}, assign=True)
    network.eval().requires_grad_(False)


def all_finite(tensor: Tensor) -> Tensor:
    """Whether a tensor of floating point holds neither NaN nor infinity, as a tensor of no axes on its device."""
    # Both extremes are NaN where any value is, and are found ten to twenty times as fast as all values are asked.
    values = tensor if tensor.numel() else tensor.new_zeros(1)
    return torch.stack(torch.aminmax(values)).isfinite().all()


def mismatch_error(path: Path, why: str, *, hint: str = "Name another file.") -> CheckpointError:
    """The error for a file whose content does not fit the network."""
    return CheckpointError(f"{path}: not the weights that are wanted: {why}", hint=hint)


def _contents(path: Path) -> Any:
    if path.suffix.lower() == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    if path.suffix.lower() == ".safetensors":
        return _safetensors(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of pickles of other programs, which are refused
        content = torch.load(path, map_location="cpu", weights_only=True)
    return content.get("state_dict", content) if isinstance(content, Mapping) else content


def _safetensors(path: Path) -> Mapping[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from None
