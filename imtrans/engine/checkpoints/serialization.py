"""Nested state as tensors for safetensors and a JSON tree for the rest: no pickle."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imtrans.errors import CheckpointError, PluginError

TENSOR, PAIRS, TUPLE = "tensor", "pairs", "tuple"  # what a marked object of one key stands for


def pack(value: Any, name: str) -> tuple[Any, dict[str, Tensor]]:
    """A JSON tree of `value`, in which its tensors are named, and those tensors, each with a name below `name`.

    `value` may hold dicts with any plain keys, lists, tuples, numbers, text, None, tensors and numpy arrays.
    PluginError names anything else.
    """
    tensors: dict[str, Tensor] = {}
    return _packed(value, name, tensors), tensors


def unpack(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    """What `pack` was given, numpy arrays as tensors. CheckpointError names a tensor that is missing."""
    if isinstance(tree, list):
        return [unpack(v, tensors) for v in tree]
    if not isinstance(tree, dict):
        return tree
    # JSON has neither tuples nor keys that are no text: a dict of one marked key stands for these and for a tensor.
    kind = next(iter(tree), "")
    if len(tree) != 1 or kind not in (f"!{TENSOR}", f"!{PAIRS}", f"!{TUPLE}"):
        return {k: unpack(v, tensors) for k, v in tree.items()}
    content: Any = tree[kind]
    if kind == f"!{TUPLE}":
        return tuple(unpack(v, tensors) for v in content)
    if kind == f"!{PAIRS}":
        return {unpack(k, tensors): unpack(v, tensors) for k, v in content}
    if content not in tensors:
        raise CheckpointError(f"{content} is missing")
    return tensors[content]


def moved(values: Mapping[str, Any], device: torch.device) -> dict[str, Any]:
    """The same mapping with its tensors on a device."""
    return {k: v.to(device) if isinstance(v, Tensor) else v for k, v in values.items()}


def _packed(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value)
    if isinstance(value, Tensor):
        tensors[name] = value
        return {f"!{TENSOR}": name}
    if isinstance(value, Mapping):
        return _packed_mapping(value, name, tensors)
    if isinstance(value, list | tuple):
        items = _items(value, name, tensors)
        return {f"!{TUPLE}": items} if isinstance(value, tuple) else items
    if isinstance(value, np.generic):
        return value.item()
    raise PluginError(
        f"state {name} is a {type(value).__name__}, which no checkpoint can hold",
        hint="Tell the authors of the plugin: state is made of tensors, numbers, text, lists, tuples and dicts.",
    )


def _packed_mapping(value: Mapping[Any, Any], name: str, tensors: dict[str, Tensor]) -> Any:
    parts = {k: _packed(v, f"{name}.{k}", tensors) for k, v in value.items()}
    # Keys that begin with "!" could be taken for marks when they are read: such a dict is stored as pairs.
    if all(isinstance(k, str) and not k.startswith("!") for k in parts):
        return parts
    return {f"!{PAIRS}": [[_packed(k, name, tensors), v] for k, v in parts.items()]}


def _items(values: Iterable[Any], name: str, tensors: dict[str, Tensor]) -> list[Any]:
    return [_packed(v, f"{name}.{i}", tensors) for i, v in enumerate(values)]
