"""The pictures on which an exported file is compared with its model, as stored."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from imtrans.engine.build import Model
from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.export.stored_values import stored_channels, stored_dtype
from imtrans.engine.inference.forward import mirrored, network_input
from imtrans.errors import ImtransError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import Array
from imtrans.kit.images.color import into_space, join_lab
from imtrans.kit.images.labels import classes_of
from imtrans.kit.selection import spread

COUNT = 20


class Pictures(NamedTuple):
    """Sources as stored, (H, W, C), whose sides are multiples of the stride, and what they are, in words."""

    arrays: list[Array]
    origin: str


def pictures_for(model: Model, run: Path | None) -> Pictures:
    """Validation pictures of the run where its data are there, else drawn ones; the first once more, and larger."""
    try:
        found = _of_validation(model, run)
        origin = f"{len(found)} validation pictures"
    except (ImtransError, OSError):
        random = np.random.default_rng(0)
        found = [_drawn(model.data_spec.source, _size(model), random) for _ in range(COUNT)]
        origin = f"{len(found)} drawn pictures (the run's data are not here)"
    stride = model.method.geometry.common_stride
    fitted = [_to_multiples(array, stride) for array in found]
    # Another size than that of training: one multiple more in height, at least a quarter.
    height = fitted[0].shape[0]
    taller = _mirrored(fitted[0], height + max(1, height // stride // 4) * stride)
    return Pictures([*fitted, taller], f"{origin} and one of another size")


def as_source(stored: Array, spec: ImageSpec) -> torch.Tensor:
    """What the network sees of stored values (H, W, C): (1, C, H, W), by the conversions of translation."""
    return network_input(classes_of(stored, spec) if spec.kind == "labels" else into_space(stored, spec), spec)


def _of_validation(model: Model, run: Path | None) -> list[Array]:
    loading = open_split(model.config, "val", run=run, data_spec=model.data_spec)
    chosen = spread(len(loading.source.dataset), COUNT)
    return [_as_stored(loading.sample(index).source, model.data_spec.source) for index in chosen]


def _as_stored(source: Array, spec: ImageSpec) -> Array:
    """The picture as a file has it, of one as the loader gives it: in its colour space, labels as classes."""
    if spec.kind == "labels":
        numbers = np.arange(max(spec.classes or 1, (spec.void or 0) + 1, int(source.max(initial=0)) + 1))
        numbers[: spec.classes or 1] = spec.values or range(spec.classes or 1)
        if spec.void is not None:
            numbers[spec.void] = spec.void
        return numbers[source].astype(_numpy_type(spec))
    if spec.space == "lab-l":
        return join_lab(source, np.zeros((*source.shape[:2], 2), np.float32))
    return source.astype(_numpy_type(spec))


def _drawn(spec: ImageSpec, size: tuple[int, int], random: np.random.Generator) -> Array:
    """Large spots: of classes, or of colours with a little grain."""
    channels, cells = stored_channels(spec), (8, 8)
    if spec.kind == "labels":
        spots = random.choice(list(spec.values or range(spec.classes or 1)), (*cells, 1))
    else:
        spots = random.uniform(0.1, 0.9, (*cells, channels))
    rows, columns = (np.arange(n) * 8 // n for n in size)
    large = spots[rows][:, columns]
    if spec.kind != "labels":
        low, high = (0.0, 255.0) if spec.space else (spec.low, spec.high)
        large = low + (high - low) * (large + random.uniform(-0.1, 0.1, large.shape))
    return large.astype(_numpy_type(spec))


def _size(model: Model) -> tuple[int, int]:
    size = model.config.data.size or (256,)
    return size[0], size[-1]


def _numpy_type(spec: ImageSpec) -> "np.dtype[np.generic]":
    return np.dtype(str(stored_dtype(spec)).removeprefix("torch."))


def _to_multiples(array: Array, stride: int) -> Array:
    height, width = (-(-n // stride) * stride for n in array.shape[:2])
    return array if (height, width) == array.shape[:2] else _mirrored(_mirrored(array, height), width, axis=1)


def _mirrored(array: Array, size: int, *, axis: int = 0) -> Array:
    """Grown at the end of an axis to so many pixels."""
    return np.ascontiguousarray(np.take(array, mirrored(array.shape[axis], size), axis=axis))
