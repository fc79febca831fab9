"""Pictures and label maps of another size."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from imtrans.kit.images.array import Array

Interpolation = Literal["nearest", "bilinear", "bicubic", "area", "lanczos"]
FLAGS = {"bilinear": "LINEAR", "bicubic": "CUBIC", "area": "AREA", "lanczos": "LANCZOS4"}
MAX_CHANNELS = {"area": 4}  # at once in OpenCV
MAX_CHANNELS_ELSE = 128  # 512 before OpenCV 5


def resize(picture: Array, size: tuple[int, int], interpolation: Interpolation = "bilinear") -> Array:
    """(H, W, C) of uint8, uint16, int32 or float32 resized to (*size, C), same dtype; "nearest" takes any dtype."""
    if picture.shape[:2] == tuple(size):
        return picture
    if interpolation == "nearest":
        rows, columns = (nearest_indices(n_in, n_out) for n_in, n_out in zip(picture.shape, size, strict=False))
        return picture[rows[:, None], columns]
    # OpenCV does not resize int32; float64 holds it exactly.
    stored = picture.astype(np.float64) if picture.dtype == np.int32 else picture
    most = MAX_CHANNELS.get(interpolation, MAX_CHANNELS_ELSE)
    groups = [_by_opencv(stored[..., i : i + most], size, interpolation) for i in range(0, picture.shape[2], most)]
    resized = groups[0] if len(groups) == 1 else np.concatenate(groups, axis=-1)
    if picture.dtype != np.int32:
        return resized
    limits = np.iinfo(np.int32)
    return np.rint(resized).clip(limits.min, limits.max).astype(np.int32)


def nearest_indices(n_in: int, n_out: int) -> Array:
    """Which of `n_in` pixels each of `n_out` takes: the one in which its centre lies, (n_out,) int64.

    The only rule for label maps here, equal to NEAREST of Pillow and NEAREST_EXACT of OpenCV from 5 on. They add up
    the width of a pixel in float64; a centre exactly between two pixels falls to the side to which that sum rounds,
    which no rule of whole numbers gives.
    """
    step = n_in / n_out
    centres = np.full(n_out, step)
    centres[:1] = step / 2
    return np.minimum(np.cumsum(centres).astype(np.int64), n_in - 1)


def resize_nearest(image: Tensor, size: tuple[int, int]) -> Tensor:
    """(..., H, W) resized to (..., *size) by the rule of `nearest_indices`."""
    for axis, n_out in zip((-2, -1), size, strict=True):
        indices = torch.from_numpy(nearest_indices(image.shape[axis], n_out))
        image = image.index_select(axis, indices.to(image.device))
    return image


def _by_opencv(picture: Array, size: tuple[int, int], interpolation: Interpolation) -> Array:
    import cv2

    flag: int = getattr(cv2, f"INTER_{FLAGS[interpolation]}")
    resized: Array = cv2.resize(np.ascontiguousarray(picture), (size[1], size[0]), interpolation=flag)
    # OpenCV drops the last axis where C is 1; reshape restores it.
    return resized.reshape(*size, picture.shape[2])
