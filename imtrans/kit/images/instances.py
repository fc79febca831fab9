"""Instance maps beside label maps: which thing each pixel belongs to, and where one thing ends."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imtrans.errors import DataError
from imtrans.kit.formats import SUFFIXES
from imtrans.kit.images.array import Array
from imtrans.kit.images.decode import label_map

FOLDERS = ("instance", "instances")  # beside the folder of the label maps, where none is named
# Cityscapes and its like name both files after the picture.
NAMES = (("_labelIds", "_instanceIds"), ("_labelTrainIds", "_instanceIds"), ("_label", "_instance"))


def instance_file(labels: Path, folder: Path | None = None) -> Path:
    """The instance map of a label map: of the same name, or with `instanceIds` for `labelIds`, whatever its format.

    Below `folder` it lies in folders of the same names, but for the last (train/A/1.png: train/A, train), or directly
    in it. Without one it lies beside the label map, or in a folder `instance` beside that of the label map. DataError
    says what was looked for.
    """
    found = next((file for stem in _places(labels, folder) if (file := _of_stem(stem))), None)
    if found is None:
        where = folder or f"{labels.parent} and {labels.parent.parent / FOLDERS[0]}"
        what = f"{labels}: no instance map of it in {where}"
        hint = f"Looked for {labels.stem} and names as x_instanceIds for x_labelIds. "
        raise DataError(what, hint=hint + "Name its folder: --instances DIR, or dataset.instances=DIR in training.")
    return found


def with_instances(classes: Array, file: Path) -> Array:
    """Classes (H, W, 1) and the numbers of the things in an instance map as (H, W, 2) of int32.

    DataError for a file of another size, or that is none of whole numbers.
    """
    numbers = label_map(file).ids
    if numbers.shape != classes.shape:
        sizes = " and ".join(f"{a.shape[1]} x {a.shape[0]}" for a in (numbers, classes))
        raise DataError(f"{file}: the instance map and its label map are {sizes} pixels", hint="Make them one size.")
    return np.concatenate([classes.astype(np.int32), numbers.astype(np.int32)], axis=-1)


def instance_edges(numbers: Tensor) -> Tensor:
    """1 where a pixel's number differs from that of a neighbour above, below, left or right, else 0: float32, of the
    shape of `numbers`, (B, 1, H, W) (Wang et al. 2018, section 3.1)."""
    edges = torch.zeros_like(numbers, dtype=torch.bool)
    for axis in range(2, numbers.dim()):
        count = numbers.shape[axis] - 1
        differs = numbers.narrow(axis, 0, count) != numbers.narrow(axis, 1, count)
        # Both sides of an edge are marked.
        edges.narrow(axis, 0, count).logical_or_(differs)
        edges.narrow(axis, 1, count).logical_or_(differs)
    return edges.float()


def _places(labels: Path, folder: Path | None) -> Iterator[Path]:
    """Where the map may lie, without suffix, the likeliest first."""
    renamed = [labels.stem.replace(a, b) for a, b in NAMES if labels.stem.endswith(a)]
    if folder is not None:
        # train/A/1.png has its map in train/A, in train, or in the folder itself: A may be the name of the side.
        parents = labels.absolute().parent.parts[1:]
        below = [Path(*part[start:]) for part in (parents, parents[:-1]) for start in range(len(part))]
        yield from (folder / place / stem for place in (*below, Path()) for stem in (*renamed, labels.stem))
        return
    yield from (labels.parent / stem for stem in renamed)
    yield from (labels.parent.parent / name / stem for name in FOLDERS for stem in (*renamed, labels.stem))


def _of_stem(stem: Path) -> Path | None:
    """The picture of this path without suffix."""
    return next((f for suffix in SUFFIXES if (f := stem.with_name(stem.name + suffix)).is_file()), None)
