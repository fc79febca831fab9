"""Losses for fine detail: frequencies that are hard to make, and the sharpness of edges."""

import torch
from torch import Tensor


class FocalFrequency:
    """Squared distance of the spectra, each frequency weighted by how far it is off (Jiang et al. 2021).

    (B, C, H, W) to a scalar. The weights are |distance| ** alpha, over the greatest of each channel; they have no
    gradient. The spectra are orthonormal, so that the weights of 1 would give the mean squared difference.
    """

    def __init__(self, *, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The distance, in float32 at least: there are no spectra in half precision."""
        dtype = torch.promote_types(prediction.dtype, torch.float32)
        difference = torch.fft.fft2(prediction.to(dtype) - target.to(dtype), norm="ortho")
        power = difference.real.square() + difference.imag.square()
        weight = power.detach().sqrt() ** self.alpha
        greatest = weight.amax((-2, -1), keepdim=True)
        weight = torch.where(greatest > 0, weight / greatest.clamp(min=torch.finfo(weight.dtype).tiny), 0)
        distance: Tensor = (weight * power).mean()
        return distance


class GradientDifference:
    """How far the differences of neighbouring pixels are from those of the target (Mathieu et al. 2016, equation 6).

    (B, C, *spatial) to a scalar: the mean over each axis of | |step of target| - |step of prediction| | ** alpha,
    summed over the axes. An axis of a single pixel has no steps.
    """

    def __init__(self, *, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The distance of the edges, not of the brightness."""
        axes = [axis for axis in range(2, prediction.dim()) if prediction.shape[axis] > 1]
        distances = [
            (prediction.diff(dim=axis).abs() - target.diff(dim=axis).abs()).abs().pow(self.alpha).mean()
            for axis in axes
        ]
        distance: Tensor = torch.stack(distances).sum() if distances else 0 * prediction.sum()
        return distance
