"""Structural similarity as losses: 1 - SSIM (Wang et al. 2004), and over several scales (Wang et al. 2003)."""

import torch
from torch import Tensor

from imtrans.errors import ShapeError
from imtrans.kit.features.structural_similarity import halved, least_size, scale_weights, similarity_maps

RANGE = 2.0  # of values from -1 to 1


class SSIM:
    """1 - the mean structural similarity of prediction and target, (B, C, H, W) in [-1, 1]; from 0 to 2."""

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """A scalar. ShapeError for pictures smaller than a window of 11 pixels."""
        _check(prediction, least_size(1), hint="Set data.size larger.")
        return 1 - similarity_maps(prediction, target, data_range=RANGE)[0].mean()


class MultiScaleSSIM:
    """1 - the similarity over several sizes, each half of the one before: contrast at each, brightness at the last.

    The same as the metric ms-ssim takes, but for its slope: where the mean of a scale is negative or 0, it counts as a
    millionth. Of fewer scales than five the weights are brought to a sum of 1.
    """

    def __init__(self, *, scales: int = 5) -> None:
        self.weights, self.smallest = scale_weights(scales), least_size(scales)

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """A scalar from 0 to 1. ShapeError for pictures whose coarsest form is smaller than a window."""
        _check(prediction, self.smallest, hint="Set data.size larger, or the loss's scales smaller.")
        factors = []
        for number, weight in enumerate(self.weights, 1):
            similarity, contrast = similarity_maps(prediction, target, data_range=RANGE)
            means = (similarity if number == len(self.weights) else contrast).mean((2, 3))
            # A power of 0 has an infinite slope.
            factors.append(means.clamp(min=1e-6) ** weight)
            prediction, target = halved(prediction), halved(target)
        return 1 - torch.stack(factors).prod(0).mean()


def _check(picture: Tensor, smallest: int, *, hint: str) -> None:
    if min(picture.shape[2:]) < smallest:
        size = " x ".join(map(str, picture.shape[2:]))
        raise ShapeError(f"pictures of {size} are too small for this loss: it needs {smallest} pixels", hint=hint)
