"""What a trained model is given, read as its training data were: by the same rules, and refused where these refuse."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from imtrans.errors import ConfigError, DataError, ShapeError
from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.kit.images import Array, ImageHeader
from imtrans.kit.images.color import into_space
from imtrans.kit.images.conform import FLOAT, check_range, conform, decode_with_bits, rescale
from imtrans.kit.images.instances import instance_file, with_instances
from imtrans.kit.images.labels import classes_of, highest_class, read_classes
from imtrans.kit.images.readers.memory_file import PictureFile

Range = tuple[float, float]
Fit = Callable[[Array], Array]
ASPECT = 0.01  # relative difference up to which two aspect ratios are one
RANGE_HINT = "--source-range LOW,HIGH, or source_range=(low, high) in Python"


def is_pair(head: ImageHeader, data_spec: DataSpec) -> bool:
    """Whether a file looks like a whole pair to a model that was trained on halves of pictures: by its aspect ratio."""
    if data_spec.half_aspect is None or not head.height:
        return False
    return abs(head.width / head.height / (2 * data_spec.half_aspect) - 1) < ASPECT


def read_file(
    path: PictureFile,
    spec: ImageSpec,
    *,
    half: str = "",
    page: int | None = None,
    source_range: Range | None = None,
    fit: Fit | None = None,
    instances: Path | None = None,
) -> Array:
    """A picture file, or its page from 0 on, as the model's source, (H, W, C); of a whole pair only the `half` "left"
    or "right". `instances` is the folder of instance maps, for models that take them."""
    if spec.kind == "labels":
        labels = read_classes(path, spec, page=page)[0]
        if spec.instances:
            labels = with_instances(labels, instance_file(Path(str(path)), instances))
        return _fitted(_checked_labels(_half(labels, half), spec, name=str(path)), fit)
    array, bits = decode_with_bits(path, background=spec.background, page=page, pages=spec.pages)
    array = _half(array, half)
    return read_array(array, spec, bits=bits, name=str(path), is_file=True, source_range=source_range, fit=fit)


def read_array(
    array: Array,
    spec: ImageSpec,
    *,
    bits: int = 0,
    name: str = "picture",
    is_file: bool = False,
    source_range: Range | None = None,
    fit: Fit | None = None,
) -> Array:
    """An array (*spatial, C) as the model's source: depth, range and colour space converted as in training.

    `bits` are its significant ones; 0: those of its type. With `source_range` its values from low to high are scaled to
    those that the model knows. `fit` resizes it, as training does before colours are converted. Raises ShapeError
    for other channels, DataError for values that the model does not know.
    """
    if spec.kind == "labels":
        if array.shape[-1] != spec.channels:
            wanted_channels = "class and instance numbers" if spec.instances else "class numbers"
            raise ShapeError(f"{name}: {array.shape[-1]} channels where {wanted_channels} are wanted")
        labels = classes_of(array[..., :1], spec)
        if spec.instances:
            labels = np.concatenate([labels.astype(np.int32), array[..., 1:].astype(np.int32)], axis=-1)
        return _fitted(_checked_labels(labels, spec, name=name), fit)
    wanted = spec
    if spec.space and not (spec.space == "lab-l" and array.shape[-1] == 1 and array.dtype.kind == "f"):
        wanted = ImageSpec()  # a picture, which is converted to the colour space below
    if array.shape[-1] != wanted.channels and not is_file:
        raise ShapeError(f"the model takes {wanted.channels} channels (the last axis), not {array.shape[-1]}")
    if source_range:
        array, bits = _scaled(array, wanted, source_range, name=name), wanted.bits
    else:
        bits = bits or _bits(array, wanted, name=name)
    return into_space(_fitted(conform(array, wanted, bits=bits, name=name, option=RANGE_HINT), fit), spec)


def _fitted(array: Array, fit: Fit | None) -> Array:
    return fit(array) if fit else array


def _half(array: Array, half: str) -> Array:
    middle = array.shape[1] // 2
    return {"left": array[:, :middle], "right": array[:, middle:]}.get(half, array)


def _checked_labels(ids: Array, spec: ImageSpec, *, name: str) -> Array:
    classes = spec.classes or 0
    if (highest := highest_class(ids, spec)) >= classes:
        known = f"0 to {classes - 1}" if spec.values is None else ", ".join(map(str, spec.values))
        raise DataError(f"{name}: value {highest}; the model takes labels {known}")
    return ids


def _scaled(array: Array, spec: ImageSpec, source_range: Range, *, name: str) -> Array:
    low, high = source_range
    if not low < high:
        raise ConfigError(f"the range {low:g} to {high:g}: must have a low and a high value", hint="For example: 0,255")
    check_range(array, ImageSpec(low=low, high=high), name=name, option=RANGE_HINT)
    return rescale(array, spec, low=low, high=high)


def _bits(array: Array, spec: ImageSpec, *, name: str) -> int:
    """The significant bits of an array by its type; whole numbers of other types, or for floats, are stored values."""
    if array.dtype.kind == "f":
        return FLOAT
    if array.dtype in (np.uint8, np.uint16) and spec.bits != FLOAT:
        return 8 * int(array.dtype.itemsize)
    if array.dtype.kind not in "iub":
        raise DataError(f"{name}: values of type {array.dtype}", hint="Give uint8, uint16 or float32.")
    if not spec.clips:
        check_range(array, spec, name=name, option=RANGE_HINT)
    return spec.bits
