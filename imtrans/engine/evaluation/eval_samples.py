"""What is evaluated: predictions beside their targets, of a trained model or from two folders."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imtrans.errors import DataError
from imtrans.interfaces import Batch, DataSpec, ImageSpec
from imtrans.kit.images import Array, from_range, resize, resize_nearest, to_range
from imtrans.kit.images.decode import decode

CYCLE = "cycle"  # the extra in which the prediction comes translated back, (1, C, H, W) as the source
LABELS = "labels"  # the extra in which exact class numbers come, (1, 1, H, W)


@dataclass(frozen=True, kw_only=True)
class EvalSample:
    """One prediction and its target, as the protocol compares them: (1, C, *spatial), images in [-1, 1].

    `upper_bound` is the target as the model was given it: the best that a prediction can be. `predicted_size` is the
    spatial size of the prediction before it was resized. `pictures` gives source, prediction and target for display,
    (H, W, 3) uint8, before they were resized. `is_repeat` says whether an earlier sample had this source already, and
    this target: of unpaired pictures the smaller side begins again.
    """

    prediction: Tensor
    batch: Batch
    upper_bound: Tensor
    predicted_size: tuple[int, ...]
    pictures: Callable[[], Mapping[str, Array]]
    is_repeat: tuple[bool, bool] = (False, False)


@dataclass(frozen=True, kw_only=True)
class EvalSamples:
    """All samples of an evaluation, in order; `data_spec` is what the metrics see, `notes` how they were read, and
    `is_paired` whether the target of each belongs to it."""

    count: int
    data_spec: DataSpec
    each: Callable[[], Iterator[EvalSample]]
    notes: Sequence[str] = ()
    is_paired: bool = True


def metric_spec(data_spec: DataSpec) -> DataSpec:
    """The data specification that metrics see: a target in another colour space is compared as the RGB it makes."""
    return dataclasses.replace(data_spec, target=ImageSpec()) if data_spec.target.space == "lab-ab" else data_spec


def rounded(image: Tensor, spec: ImageSpec) -> Tensor:
    """(1, C, *spatial) as it would be read again from the file it is written to; labels as they are."""
    if spec.kind == "labels":
        return image
    array = torch.from_numpy(from_range(image[0], spec)).movedim(-1, 0)[None]
    return to_range(array, spec).to(image.device)


def resize_to(image: Tensor, size: Sequence[int], how: str, *, spec: ImageSpec | None = None) -> Tensor:
    """(1, C, H, W) at another size: by the filter `how`, with no aliasing; labels always by the nearest.

    Raises DataError for anything but two spatial axes, unless the size is the same.
    """
    if tuple(image.shape[2:]) == tuple(size):
        return image
    if image.dim() != 4:
        raise DataError(f"only pictures can be resized, and this has the size {tuple(image.shape[2:])}")
    new_size = list(size)
    if how == "nearest" or (spec and spec.kind == "labels"):
        return resize_nearest(image, (new_size[0], new_size[1]))  # torch's own rules take other pixels than the loader
    if how == "area":
        # As the loader does it: at ratios that are not whole torch's area is another filter.
        array = image[0].movedim(0, -1).cpu().numpy()
        resized = resize(array, (new_size[0], new_size[1]), "area")
        return torch.from_numpy(resized).movedim(-1, 0)[None].to(image.device)
    return torch.nn.functional.interpolate(image, new_size, mode=how, antialias=True)


def label_numbers(path: Path) -> Tensor:
    """The class numbers in a picture file, (1, 1, H, W) int64. Raises DataError for more than one channel."""
    array = decode(path, as_labels=True)
    if array.shape[-1] != 1:
        raise DataError(f"{path}: {array.shape[-1]} channels where class numbers are wanted")
    return torch.from_numpy(array.astype(np.int64)).movedim(-1, 0)[None]
