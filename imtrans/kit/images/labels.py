"""Label maps: the numbers in files, the classes they stand for, and pixels of no class."""

import numpy as np

from imtrans.interfaces import ImageSpec
from imtrans.kit.images.array import Array
from imtrans.kit.images.decode import label_map
from imtrans.kit.images.readers.memory_file import PictureFile


def classes_of(ids: Array, spec: ImageSpec) -> Array:
    """The classes that stored numbers stand for by `spec.values`; void pixels keep the value `spec.void`.

    A number that stands for no class becomes itself if that is no class either, else the number above all: it is out of
    range in any case, so that a check finds it.
    """
    if spec.values is None:
        return ids
    count = len(spec.values)
    limit = max(int(ids.max(initial=0)), *spec.values, spec.void or 0) + 1
    table = np.arange(limit)
    table[:count] = max(limit, count)
    table[list(spec.values)] = np.arange(count)
    if spec.void is not None:
        table[spec.void] = spec.void
    return table[ids].astype(np.min_scalar_type(int(table.max())))


def read_classes(path: PictureFile, spec: ImageSpec, *, page: int | None = None) -> tuple[Array, bool]:
    """The classes in a label file, or in its page from 0 on, (H, W, 1), and whether it has a palette.

    DataError where it is no label map.
    """
    labels = label_map(path, page=page)
    # A mask of 1 bit holds 0 and 1 where one of 8 bits holds 0 and 255.
    is_bits = labels.mode == "1" and spec.values is not None and 1 not in spec.values
    return classes_of(labels.ids * np.uint8(255) if is_bits else labels.ids, spec), labels.mode == "P"


def values_of(classes: Array, spec: ImageSpec) -> Array:
    """The numbers that stand for classes in files, the reverse of `classes_of`: uint8 where they fit, else uint16."""
    values = np.arange(spec.classes or 0) if spec.values is None else np.asarray(spec.values)
    stored: Array = values.astype(np.uint8 if int(values.max(initial=0)) < 256 else np.uint16)[classes]
    return stored


def highest_class(classes: Array, spec: ImageSpec) -> int:
    """The highest class of a label map (..., C), void pixels apart; -1 where all are void."""
    classes = classes[..., :1] if spec.instances else classes
    counted = classes if spec.void is None else classes[classes != spec.void]
    return int(counted.max()) if counted.size else -1
