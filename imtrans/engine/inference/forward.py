"""A model in the state in which it translates, and the translation of tensors of any size."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from imtrans.engine.build import Model
from imtrans.engine.data.loader import one_hot
from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.kit.images import Array, from_range, target_to_display, to_range
from imtrans.kit.nn import inference


@contextlib.contextmanager
def inference_mode(model: Model, *, seed: int) -> Iterator[None]:
    """Put the model in the state in which it translates: averaged weights, modes by its policy, draws from `seed`.

    A policy without the field `dropout` runs without dropout. On leaving, weights, modes and random state are restored,
    so that translating never changes a training.
    """
    policy = model.config.inference
    modules = list(model.networks.values())
    # fork_rng would copy the state of every GPU of the machine.
    cuda = [model.device] if model.device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices=cuda),
        _averaged(model),
        inference(modules, norm=getattr(policy, "norm", "batch"), dropout=getattr(policy, "dropout", False)),
    ):
        torch.manual_seed(seed)
        yield


def translate(model: Model, source: Tensor, *, extras: Mapping[str, Tensor] | None = None, seed: int = 0) -> Tensor:
    """The translation of (B, C, *spatial), as the network sees it, of any spatial size, in the same size.

    `extras` are those of a batch. A size that the network cannot take is padded by reflection and cropped back, and so
    are the extras of that size. Call it inside `inference_mode`.
    """
    translated = translate_padded(model, source, extras=extras, seed=seed)
    for axis, size in enumerate(source.shape[2:], 2):
        translated = translated.narrow(axis, 0, size)
    return translated


def translate_padded(
    model: Model, source: Tensor, *, extras: Mapping[str, Tensor] | None = None, seed: int = 0
) -> Tensor:
    """As `translate`, without the crop."""
    stride = model.method.geometry.strides(source.dim() - 2)
    # An extra of another size is no plane of this image: only the method knows what to do with it.
    padded = {k: pad(v, stride) if v.shape[2:] == source.shape[2:] else v for k, v in (extras or {}).items()}
    return model.method.translate(pad(source, stride), extras=padded, seed=seed)


def pad(source: Tensor, strides: Sequence[int]) -> Tensor:
    """(B, C, *spatial) grown at the end of each spatial axis to a multiple of its stride by mirroring."""
    for axis, stride in enumerate(strides, 2):
        size = source.shape[axis]
        padded_size = -(-size // stride) * stride
        if padded_size != size:
            source = source.index_select(axis, torch.from_numpy(mirrored(size, padded_size)).to(source.device))
    return source


def mirrored(length: int, padded: int) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """The indices along an axis of `length` that grows at its end by mirroring, again and again where it is short.

    torch's own reflection refuses more than length - 1 pixels.
    """
    indices = np.arange(padded) % max(2 * length - 2, 1)
    return np.where(indices < length, indices, 2 * length - 2 - indices)


def network_input(array: Array, spec: ImageSpec) -> Tensor:
    """An array (*spatial, C) of stored values, or of classes, as networks see it: (1, C, *spatial)."""
    # A copy, not the caller's own array: `to_range` works in place on floats. torch supports uint16 only in part.
    stored = np.array(array, np.int32 if array.dtype == np.uint16 else array.dtype)
    tensor = torch.from_numpy(stored).movedim(-1, 0)[None]
    return one_hot(tensor.long(), spec) if spec.kind == "labels" else to_range(tensor, spec)


def as_stored(translated: Tensor, source: Tensor, data_spec: DataSpec) -> Array:
    """What a network gives of what it saw, both (C, *spatial), as it is stored: (*spatial, C); another colour space as
    the picture that it makes."""
    if data_spec.target.space:
        return target_to_display(translated, source, data_spec)
    return from_range(translated, data_spec.target)


@contextlib.contextmanager
def _averaged(model: Model) -> Iterator[None]:
    _swap(model)
    try:
        yield
    finally:
        _swap(model)


def take_averages(model: Model) -> Model:
    """The model with its averaged weights for good: it can translate, and no longer be trained."""
    _swap(model)
    return dataclasses.replace(model, averages={})


def _swap(model: Model) -> None:
    """Exchange each network's weights with their moving average; twice is nothing."""
    for name, average in model.averages.items():
        pairs = zip(model.networks[name].parameters(), average.module.parameters(), strict=True)
        for trained, averaged in pairs:
            # No copy, and the optimiser keeps its parameters.
            trained.data, averaged.data = averaged.data, trained.data
