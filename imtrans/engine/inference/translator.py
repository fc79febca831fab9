"""A trained model on pictures of any size."""

import contextlib
import functools
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imtrans.engine.build import Model
from imtrans.engine.data.loader import one_hot
from imtrans.engine.inference.inputs import is_pair, read_array, read_file
from imtrans.engine.inference.scale import Size, SizeChange, SizeChoice, fitted_size, magnification
from imtrans.interfaces import ImageSpec
from imtrans.kit import images, nn, pretrained
from imtrans.kit.images import Array
from imtrans.kit.images.picture_types import Picture, as_array, in_kind_of, is_pillow


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

    def holds_pair(self, path: Path) -> bool:
        """Whether a file looks like a whole pair, of which `translate` takes the source half.

        Only a model that was trained on halves of pictures meets such files. DataError where it is no picture.
        """
        return self.model.data_spec.half_aspect is not None and is_pair(images.header(path), self.model.data_spec)

    def translate(
        self,
        picture: Picture | list[Any],
        *,
        seed: int = 0,
        source_range: tuple[float, float] | None = None,
        is_whole: bool = False,
        size: SizeChoice = "train",
    ) -> Any:
        """The translation of a picture, of the kind that was given: an array (H, W) or (*spatial, C) as stored, a
        tensor (C, *spatial), a Pillow image; of the path of a picture file it is an array, of a stack (D, H, W, C), and
        of a list a list.

        It is read as the training data were: depths are converted, it is brought to the scale of training (`size`; see
        `fitted_size`), and of a file that looks like a whole pair (`holds_pair`) the source half is taken unless it
        `is_whole`. With `source_range` its values from low to high are scaled to those of training. The result has the
        size at which it was translated, and the channels and depth of the training targets. `seed` decides the noise
        (dropout), so equal calls give equal results. Raises ShapeError for a wrong number of channels, DataError for
        labels and values that the model does not know.
        """
        if isinstance(picture, list):
            options: dict[str, Any] = {"source_range": source_range, "is_whole": is_whole, "size": size}
            return [self.translate(each, seed=seed, **options) for each in picture]
        fit = functools.partial(self._fitted, choice=size)
        if isinstance(picture, str | Path):
            return self._file(Path(picture), seed, is_whole, {"source_range": source_range, "fit": fit})
        is_file = is_pillow(picture)  # its channels and depth are converted as a file's are
        array = as_array(picture, self.source, is_flat=self.model.data_spec.stored is not None)
        array = read_array(array, self.source, is_file=is_file, source_range=source_range, fit=fit)
        return in_kind_of(picture, self.target)(self._translated(self._tensor(array), seed))

    def _file(self, path: Path, seed: int, is_whole: bool, reading: Mapping[str, Any]) -> Array:
        """The translation of a file; of a stack that of each page, (D, H, W, C)."""
        half = self.source_half if not is_whole and self.holds_pair(path) else ""
        if not self.source.is_stack:
            return self._translated(self._tensor(read_file(path, self.source, half=half, **reading)), seed)
        slices = [read_file(path, self.source, page=page, **reading) for page in range(images.header(path).pages)]
        return np.stack([self._translated(self._tensor(each), seed) for each in slices])

    def _translated(self, source: Tensor, seed: int) -> Array:
        with inference_mode(self.model, seed=seed):
            translated = translate(self.model, source, seed=seed)
        if self.target.space:
            return images.target_to_display(translated[0], source[0], self.model.data_spec)
        return images.from_range(translated[0], self.target)

    def fitted_size(self, shape: Size, choice: SizeChoice = "train") -> Size:
        """Height and width at which a picture of this shape is translated."""
        return fitted_size(shape, choice, trained=self.size, stored=self.model.data_spec.stored)

    def size_change(self, path: Path, choice: SizeChoice = "train", *, is_whole: bool = False) -> SizeChange:
        """What size the picture of a file has, and at which it is translated. DataError where it is no picture."""
        head = images.header(path)
        is_half = not is_whole and is_pair(head, self.model.data_spec)
        before = head.height, head.width // 2 if is_half else head.width
        after = self.fitted_size(before, choice)
        scale = magnification(before, after, trained=self.size, stored=self.model.data_spec.stored)
        return SizeChange(before, after, scale, is_half)

    def _fitted(self, array: Array, *, choice: SizeChoice) -> Array:
        """The picture at the size at which it is translated, by the filter of validation."""
        shape = array.shape[0], array.shape[1]
        if array.ndim != 3 or (size := self.fitted_size(shape, choice)) == shape:
            return array
        is_labels = self.source.kind == "labels"
        return images.resize(
            array, size, "nearest" if is_labels else self.model.config.data.interpolation or "bilinear"
        )

    @property
    def source_half(self) -> str:
        """Where the source lies in a picture that holds a pair."""
        return "right" if self.model.config.direction == "BtoA" else "left"

    def _tensor(self, array: Array) -> Tensor:
        # torch supports uint16 only in part.
        stored = np.ascontiguousarray(array.astype(np.int32) if array.dtype == np.uint16 else array)
        tensor = torch.from_numpy(stored).to(self.model.device).movedim(-1, 0)[None]
        if self.source.kind == "labels":
            return one_hot(tensor.long(), self.source)
        return images.to_range(tensor, self.source)


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
