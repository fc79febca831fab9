"""The distance of two pictures as a trained network sees them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from imtrans.errors import ShapeError


def unit_distance(prediction: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
    """The computation of LPIPS without learned heads (Zhang et al. 2018), from 0 for equal features to 4, (B,).

    Both are the features of each stage, (B, C, h, w). At every position they are scaled to unit length; the squared
    distance of the two is averaged over the positions, and then over the stages. ShapeError where the shapes differ.
    """
    return torch.stack([_of_stage(*stage) for stage in zip(prediction, target, strict=True)]).mean(0)


def _of_stage(prediction: Tensor, target: Tensor) -> Tensor:
    if prediction.shape != target.shape:
        raise ShapeError(f"the features of the prediction are {tuple(prediction.shape)}, not {tuple(target.shape)}")
    # 1e-10, as LPIPS adds it: a position where all features are 0 has no direction. In float32, which bfloat16's eight
    # bits of mantissa could not tell from 0.
    units = [_unit(features.float()) for features in (prediction, target)]
    distance: Tensor = (units[0] - units[1]).square().sum(1).flatten(1).mean(1)
    return distance


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True).clamp(min=1e-20).sqrt() + 1e-10)
