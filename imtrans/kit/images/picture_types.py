"""Pictures as Python programs hold them, Pillow images, NumPy arrays and tensors, to arrays (H, W, C) and back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imtrans.errors import ShapeError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import Array
from imtrans.kit.images.readers.memory_file import MemoryFile

Picture = Array | Tensor | Image.Image | str | Path | MemoryFile
KINDS = "a path, a MemoryFile, a Pillow image, an array (H, W) or (H, W, C), a tensor (C, H, W), or a list of them"


def as_array(picture: Any, spec: ImageSpec, *, is_flat: bool = False) -> Array:
    """The picture as an array (*spatial, C). ShapeError, with what to do, for what is no picture for this model.

    A Pillow image keeps its channels, which are then brought to those of the model as a file's are. `is_flat`: the
    model takes pictures of two axes, and no volumes.
    """
    if isinstance(picture, Image.Image):
        return _of_pillow(picture, spec)
    is_tensor = isinstance(picture, Tensor)
    array = picture.detach().cpu().numpy() if is_tensor else picture
    if not isinstance(array, np.ndarray):
        raise ShapeError(f"a {type(picture).__name__} is no picture", hint=f"Give {KINDS}.")
    if array.ndim == 2:
        array = array[None] if is_tensor else array[..., None]
    wanted = 3 if spec.space in ("grey", "lab-l") else spec.channels
    channels = array.shape[0 if is_tensor else -1] if array.ndim > 2 and array.size else 0
    is_taken = channels == wanted or (channels == 1 and (wanted == 3 or spec.space == "lab-l"))
    if is_taken and not (is_flat and array.ndim > 3):
        array = np.moveaxis(array, 0, -1) if is_tensor else array
        return array if channels == wanted or spec.space == "lab-l" else np.repeat(array, wanted, axis=-1)
    axis = "the first axis of a tensor" if is_tensor else "the last axis"
    raise ShapeError(
        f"the model takes {wanted} channels ({axis}); the picture has the shape {tuple(picture.shape)}",
        hint=_mend(array.shape, wanted, is_tensor=is_tensor),
    )


def is_pillow(picture: Any) -> bool:
    """Whether it is a Pillow image."""
    return isinstance(picture, Image.Image)


def in_kind_of(picture: Any, spec: ImageSpec) -> Callable[[Array], Any]:
    """What makes of a translation (*spatial, C) the kind of thing that `picture` is; of a file's it stays an array."""
    if isinstance(picture, Tensor):
        return _to_tensor
    return (lambda array: _to_pillow(array, spec)) if isinstance(picture, Image.Image) else lambda array: array


def _of_pillow(picture: Image.Image, spec: ImageSpec) -> Array:
    if spec.kind != "labels":  # a palette's numbers are the classes
        if picture.has_transparency_data:
            background = Image.new("RGBA", picture.size, (*(spec.background or (255, 255, 255)), 255))
            picture = Image.alpha_composite(background, picture.convert("RGBA")).convert("RGB")
        if picture.mode not in ("L", "I;16", "I", "F", "RGB"):
            picture = picture.convert("L" if picture.mode in ("1", "LA") else "RGB")
    array = np.array(picture)  # a copy: torch takes no array that cannot be written
    return array[..., None] if array.ndim == 2 else array


def _mend(shape: tuple[int, ...], wanted: int, *, is_tensor: bool) -> str:
    """What makes a picture of this shape one that the model takes."""
    if is_tensor and shape[-1] == wanted:
        return "Move its channels to the front: picture.movedim(-1, 0)"
    if not is_tensor and len(shape) == 3 and shape[0] == wanted:
        return "Move its channels to the end: numpy.moveaxis(picture, 0, -1)"
    if len(shape) == 4:
        return "Give several pictures as a list: translate(list(pictures))"
    if len(shape) == 3 and shape[0 if is_tensor else -1] == wanted + 1:
        return (
            f"Leave out its last channel, such as transparency: {'picture[:-1]' if is_tensor else 'picture[..., :-1]'}"
        )
    return f"Give {KINDS}, of {wanted} channel{'s' * (wanted > 1)}."


def _to_tensor(array: Array) -> Tensor:
    # torch supports uint16 only in part.
    whole = array.astype(np.int32) if array.dtype == np.uint16 else array
    return torch.from_numpy(np.ascontiguousarray(whole)).movedim(-1, 0)


def _to_pillow(array: Array, spec: ImageSpec) -> Image.Image:
    try:
        picture = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)
    except (TypeError, ValueError):
        what = f"Pillow has no image of {array.shape[-1]} channels of {array.dtype}"
        hint = "Give the picture as an array, numpy.asarray(picture): its translation is one, too."
        raise ShapeError(what, hint=hint) from None
    if spec.kind == "labels" and spec.palette and picture.mode == "L":
        picture.putpalette([value for colour in spec.palette for value in colour])
    return picture
