"""Sizes and channels of pictures, and the one contract of ranges."""

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from imtrans.errors import ShapeError
from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.kit.images.color import join_lab

Array = np.ndarray[Any, Any]
Interpolation = Literal["nearest", "bilinear", "bicubic", "area", "lanczos"]


def resize(picture: Array, size: tuple[int, int], interpolation: Interpolation = "bilinear") -> Array:
    """(H, W, C) to (*size, C), same dtype."""
    import cv2

    if picture.shape[:2] == tuple(size):
        return picture
    names = {
        "nearest": "NEAREST_EXACT",
        "bilinear": "LINEAR",
        "bicubic": "CUBIC",
        "area": "AREA",
        "lanczos": "LANCZOS4",
    }
    flag: int = getattr(cv2, f"INTER_{names[interpolation]}")
    resized: Array = cv2.resize(picture, (size[1], size[0]), interpolation=flag)
    return resized.reshape(*size, picture.shape[2])


def with_channels(picture: Array, channels: int, *, name: str = "picture") -> Array:
    """(H, W, C) with another number of channels: grey is repeated, colour is weighted to grey (Rec. 601).

    Raises ShapeError, beginning with `name`, where neither will do.
    """
    have = picture.shape[-1]
    if have == channels:
        return picture
    if have == 1:
        return np.repeat(picture, channels, axis=-1)
    if have == 3 and channels == 1:
        grey = picture @ np.array([0.299, 0.587, 0.114])
        whole: Array = np.rint(grey).astype(picture.dtype)[..., None]
        return whole
    raise ShapeError(f"{name}: {have} channels where {channels} are wanted")


def to_range(stored: Tensor, spec: ImageSpec) -> Tensor:
    """Stored values as float32, `signal.low` to `signal.high` becoming -1 to 1."""
    half = (spec.high - spec.low) / 2
    values = stored.float()
    return (values.sub_(spec.low) if spec.low else values).div_(half).sub_(1)


def from_range(image: Tensor, spec: ImageSpec) -> Array:
    """An image (C, *spatial) in [-1, 1] as it is stored: (*spatial, C), clipped and rounded for whole numbers.

    Of labels, one plane for each class, the strongest: (*spatial, 1).
    """
    if spec.kind == "labels":
        strongest: Array = image.detach().argmax(0)[..., None].cpu().numpy()
        return strongest.astype(np.uint8 if (spec.classes or 0) <= 256 else np.uint16)
    half = (spec.high - spec.low) / 2
    stored = (image.detach().float().cpu() + 1) * half + spec.low
    array: Array = np.ascontiguousarray(stored.clamp(spec.low, spec.high).movedim(0, -1).numpy())
    if spec.bits < 32:
        array = np.rint(array).astype(np.uint8 if spec.bits <= 8 else np.uint16)
    return array


def to_display(image: Tensor, spec: ImageSpec) -> Array:
    """An image as the network sees it, (C, *spatial), as uint8 (H, W, 3) to look at.

    Labels take their palette; of a volume the middle slice is shown, of other than three channels the first.
    """
    while image.dim() > 3:
        image = image[:, image.shape[1] // 2]
    if spec.kind == "labels":
        return _coloured(image.argmax(0).cpu(), spec)
    planes = image if image.shape[0] == 3 else image[:1].expand(3, *image.shape[1:])
    return from_range(planes, ImageSpec())


def target_to_display(image: Tensor, source: Tensor, data_spec: DataSpec) -> Array:
    """A prediction or target as something to look at, with its source where it needs it: ab has no picture alone."""
    if data_spec.target.space != "lab-ab" or data_spec.source.space != "lab-l":
        return to_display(image, data_spec.target)
    return join_lab(from_range(source, data_spec.source), from_range(image, data_spec.target))


def _coloured(labels: Tensor, spec: ImageSpec) -> Array:
    colours = torch.tensor(spec.palette or _spread(spec.classes or 1), dtype=torch.uint8)
    picture: Array = colours[labels].numpy()
    return picture


def _spread(classes: int) -> list[list[int]]:
    import colorsys

    return [[int(255 * v) for v in colorsys.hsv_to_rgb(i / classes, 0.6, 0.9)] for i in range(classes)]
