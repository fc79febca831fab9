"""Conversion of pictures: channels, and the range of values."""

import colorsys
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from imtrans.errors import ShapeError
from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.kit.images.array import Array
from imtrans.kit.images.color import join_lab
from imtrans.kit.images.labels import values_of


def with_channels(picture: Array, channels: int, *, name: str = "picture") -> Array:
    """(H, W, C) with another number of channels: grey is repeated, RGB becomes grey (Rec. 601).

    Raises ShapeError, beginning with `name`, for other conversions.
    """
    count = picture.shape[-1]
    if count == channels:
        return picture
    if count == 1:
        return np.repeat(picture, channels, axis=-1)
    if count == 3 and channels == 1:
        grey: Array = picture @ np.array([0.299, 0.587, 0.114])
        return (np.rint(grey) if picture.dtype.kind != "f" else grey).astype(picture.dtype)[..., None]
    raise ShapeError(f"{name}: {count} channels where {channels} are wanted")


def to_range(stored: Tensor, spec: ImageSpec) -> Tensor:
    """Stored values as float32; `spec.low` becomes -1 and `spec.high` 1."""
    half = (spec.high - spec.low) / 2
    values = stored.float()
    # In place: a batch of 256 px pictures would otherwise be copied three times.
    return (values.sub_(spec.low) if spec.low else values).div_(half).sub_(1)


def from_range(image: Tensor, spec: ImageSpec) -> Array:
    """An image (C, *spatial) in [-1, 1] as it is stored: (*spatial, C), clipped, and rounded for whole numbers.

    Labels, one channel for each class, become the number of the class of the highest value: (*spatial, 1).
    """
    if spec.kind == "labels":
        return values_of(image.detach().argmax(0)[..., None].cpu().numpy(), spec)
    half = (spec.high - spec.low) / 2
    stored = (image.detach().float().cpu() + 1) * half + spec.low
    array: Array = np.ascontiguousarray(stored.clamp(spec.low, spec.high).movedim(0, -1).numpy())
    if spec.bits < 32:
        array = np.rint(array).astype(np.uint8 if spec.bits <= 8 else np.uint16)
    return array


def to_display(image: Tensor, spec: ImageSpec) -> Array:
    """An image of a network, (C, *spatial) in [-1, 1], as uint8 (H, W, 3) to look at.

    Labels are shown in their palette, volumes by their middle slice, images without three channels by the first.
    """
    while image.dim() > 3:
        image = image[:, image.shape[1] // 2]
    if spec.kind == "labels":
        return _colorize(image[: spec.classes].argmax(0).cpu(), spec)  # without the edges of instances
    rgb = image if image.shape[0] == 3 else image[:1].expand(3, *image.shape[1:])
    return from_range(rgb, ImageSpec())


def target_to_display(image: Tensor, source: Tensor, data_spec: DataSpec) -> Array:
    """A prediction or target to look at, as `to_display`; ab channels are combined with the lightness in `source`."""
    if data_spec.target.space != "lab-ab" or data_spec.source.space != "lab-l":
        return to_display(image, data_spec.target)
    return join_lab(from_range(source, data_spec.source), from_range(image, data_spec.target))


def class_colors(spec: ImageSpec) -> Sequence[Sequence[int]]:
    """The colour, red, green and blue from 0 to 255, in which each class is shown: the palette's, else even hues."""
    count = spec.classes or 1
    hues = ([int(255 * v) for v in colorsys.hsv_to_rgb(i / count, 0.6, 0.9)] for i in range(count))
    return spec.palette or list(hues)


def _colorize(labels: Tensor, spec: ImageSpec) -> Array:
    colours = torch.tensor(class_colors(spec), dtype=torch.uint8)
    picture: Array = colours[labels].numpy()
    return picture
