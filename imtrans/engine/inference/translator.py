"""A trained model on pictures of any size."""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imtrans.engine.build import Model
from imtrans.engine.data.loader import one_hot
from imtrans.errors import DataError, ShapeError
from imtrans.interfaces import ImageSpec
from imtrans.kit import images, nn, pretrained
from imtrans.kit.images import Array
from imtrans.kit.images.color import into_space


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
        nn.inference(modules, norm=getattr(policy, "norm", "batch"), dropout=getattr(policy, "dropout", False)),
    ):
        torch.manual_seed(seed)
        yield


def translate(model: Model, source: Tensor, *, extras: Mapping[str, Tensor] | None = None, seed: int = 0) -> Tensor:
    """The translation of (B, C, *spatial), as the network sees it, of any spatial size, in the same size.

    `extras` are those of a batch. A size that the network cannot take is padded by reflection and cropped back, and so
    are the extras of that size. Call it inside `inference_mode`.
    """
    stride = model.method.geometry.stride
    # An extra of another size is no plane of this image: only the method knows what to do with it.
    padded = {k: pad(v, stride) if v.shape[2:] == source.shape[2:] else v for k, v in (extras or {}).items()}
    translated = model.method.translate(pad(source, stride), extras=padded, seed=seed)
    for axis, size in enumerate(source.shape[2:], 2):
        translated = translated.narrow(axis, 0, size)
    return translated


def pad(source: Tensor, stride: int) -> Tensor:
    """(B, C, *spatial) grown at the end of each spatial axis to a multiple of `stride` by mirroring."""
    for axis in range(2, source.dim()):
        size = source.shape[axis]
        padded_size = -(-size // stride) * stride
        if padded_size != size:
            # torch's own reflection refuses more than size - 1 pixels; a small image is mirrored again and again here.
            indices = torch.arange(padded_size, device=source.device) % max(2 * size - 2, 1)
            source = source.index_select(axis, torch.where(indices < size, indices, 2 * size - 2 - indices))
    return source


class Translator:
    """A trained model ready to translate; `imtrans.load` makes it from a checkpoint."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def source(self) -> ImageSpec:
        """The images that it takes."""
        return self.model.data_spec.source

    @property
    def target(self) -> ImageSpec:
        """The images that it gives."""
        return self.model.data_spec.target

    @property
    def size(self) -> tuple[int, ...]:
        """The spatial size, in pixels, at which it was trained."""
        return tuple(self.model.config.data.size)

    @property
    def fingerprint(self) -> str:
        """Identifies its weights and how it runs, in hexadecimal: equal ones give equal translations."""
        modules = {**self.model.networks, **{f"ema.{k}": v.module for k, v in self.model.averages.items()}}
        weights = [pretrained.fingerprint(module) for _, module in sorted(modules.items())]
        return hashlib.sha256(repr((weights, repr(self.model.config.inference))).encode()).hexdigest()

    def translate(self, picture: Array | str | Path, *, seed: int = 0) -> Array:
        """The translation of one picture: (*spatial, C) as stored, or the path of a picture file.

        The result has the same spatial size, and the channels and depth of the training targets. `seed` decides the
        noise (dropout), so equal calls give equal results. Raises ShapeError for a wrong number of channels, DataError
        for labels that the model does not know.
        """
        if isinstance(picture, str | Path):
            array = images.decode(Path(picture), as_labels=self.source.kind == "labels")
            channels = 3 if self.source.space else self.source.channels
            array = images.with_channels(array, channels, name=str(picture))
        else:
            array = picture
        array = into_space(array, self.source)
        classes = self.source.classes
        if self.source.kind == "labels" and classes and int(array.max()) >= classes:
            raise DataError(f"{_named(picture)}: value {int(array.max())}; the model takes labels 0 to {classes - 1}")
        if array.shape[-1] != self.source.channels:
            raise ShapeError(f"the model takes {self.source.channels} channels (the last axis), not {array.shape[-1]}")
        source = self._tensor(array)
        with inference_mode(self.model, seed=seed):
            translated = translate(self.model, source, seed=seed)
        if self.target.space:
            return images.target_to_display(translated[0], source[0], self.model.data_spec)
        return images.from_range(translated[0], self.target)

    def _tensor(self, array: Array) -> Tensor:
        stored = torch.from_numpy(_as_bits(array, self.source)).to(self.model.device).movedim(-1, 0)[None]
        if self.source.kind == "labels":
            return one_hot(stored.long(), self.source)
        return images.to_range(stored, self.source)


def _named(picture: Array | str | Path) -> str:
    return str(picture) if isinstance(picture, str | Path) else "picture"


def _as_bits(array: Array, spec: ImageSpec) -> Array:
    """8-bit pictures for a 16-bit model and the other way round, by their ranges."""
    if spec.kind == "image" and array.dtype == np.uint8 and spec.high > 255:
        array = array.astype(np.float32) * (spec.high / 255)
    elif spec.kind == "image" and array.dtype == np.uint16 and spec.high <= 255:
        array = array.astype(np.float32) * (spec.high / 65535)
    # torch supports uint16 only in part.
    return np.ascontiguousarray(array.astype(np.int32) if array.dtype == np.uint16 else array)


@contextlib.contextmanager
def _averaged(model: Model) -> Iterator[None]:
    _swap(model)
    try:
        yield
    finally:
        _swap(model)


def _swap(model: Model) -> None:
    """Exchange each network's weights with their moving average; twice is nothing."""
    for name, average in model.averages.items():
        pairs = zip(model.networks[name].parameters(), average.module.parameters(), strict=True)
        for trained, averaged in pairs:
            # No copy, and the optimiser keeps its parameters.
            trained.data, averaged.data = averaged.data, trained.data
