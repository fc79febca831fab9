"""Metrics that compare pixels: one number for each image, then the mean over all."""

from typing import Any, Literal

import torch
from torch import Tensor

from imtrans.interfaces import Batch
from imtrans.kit.bases import BaseMetric
from imtrans_metrics.sized import SizedMetric
from imtrans_metrics.tensor_checks import check, nan_where_broken, stored


class L1(BaseMetric):
    """Mean absolute difference of each picture, (B,); pictures in [-1, 1] of any number of dimensions.

    Void and masked pixels are left out; a picture of such alone, in which nothing can be wrong, has 0.
    """

    names = ("l1",)

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        """The mean absolute difference of each image, (B,)."""
        check(prediction, batch.target)
        return _mean((prediction.float() - batch.target.float()).abs(), batch.valid)


class CycleL1(BaseMetric):
    """Mean absolute difference of each source and its translation translated back, (B,); pictures in [-1, 1].

    0 says that nothing is lost, not that the translation is any good: a model that copies its source has 0, too.
    """

    names = ("cycle_l1",)

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002 - the protocol's
        """The mean absolute difference of each source, (B,); NaN where it has another size than the way back."""
        cycle = batch.extras["cycle"]
        if cycle.shape != batch.source.shape:
            return cycle.new_full((len(cycle),), float("nan"))
        return (cycle.float() - batch.source.float()).abs().flatten(1).mean(1)


class PSNR(BaseMetric):
    """Peak signal-to-noise ratio of each picture in decibels, (B,); the peak is 2, for values in [-1, 1].

    Equal pictures give inf, and so does the mean over a set that holds such a pair.
    """

    names = ("psnr",)

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        """The ratio of each image, (B,)."""
        check(prediction, batch.target)
        # 4: the squared peak of values in [-1, 1].
        return 10 * torch.log10(4 / _mean((prediction.float() - batch.target.float()).square(), batch.valid))


class SSIM(SizedMetric):
    """Structural similarity of each picture, (B,), for (B, C, H, W) in [-1, 1]; Gaussian window, sigma 1.5. That of a
    volume (B, C, D, H, W) is the mean over its slices.

    The variant is in the name of the number: "ssim" has full windows only, "ssim_same" mirrors the borders.
    """

    def __init__(self, *, padding: Literal["valid", "same"] = "valid", window: int = 11) -> None:
        self.padding, self.smallest = padding, window
        self.names = ("ssim" if padding == "valid" else "ssim_same",)

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        """The similarity of each image, (B,); NaN for images smaller than the window."""
        check(prediction, batch.target)
        if self.is_too_small(prediction):
            return self.no_rows(prediction)
        # Imported here: kornia takes a second to import, and the other metrics do not need it.
        from kornia.metrics import ssim

        count = len(prediction)
        sides = (_slices(side.float() / 2 + 0.5) for side in (prediction, batch.target))
        similarity_map: Any = ssim(*sides, self.smallest, padding=self.padding)
        valid = None if batch.valid is None else _middle(_slices(batch.valid), similarity_map)
        maps = similarity_map.reshape(count, -1, *similarity_map.shape[1:])
        return _mean(maps, None if valid is None else valid.reshape(count, -1, *valid.shape[1:]))


class PixelAccuracy(BaseMetric):
    """Colour error and pixel accuracy of each image, (B, 3), as GcGAN measures maps (Fu et al. 2019, section 4.2).

    "rmse": root of the mean over pixels of the squared difference, summed over the channels as in the authors' program,
    in units of 255. "accuracy_5" and "accuracy_10": share of pixels whose channels all differ by less than that. Values
    are compared as 8 bits store them.
    """

    names = ("rmse", "accuracy_5", "accuracy_10")

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        """The error and both accuracies of each image, (B, 3)."""
        check(prediction, batch.target)
        difference = (stored(prediction) - stored(batch.target)).abs()
        error = difference.square().sum(1).flatten(1).mean(1).sqrt()
        largest = difference.amax(1).flatten(1)
        accuracies = [(largest < delta).float().mean(1) for delta in (5, 10)]
        return nan_where_broken(torch.stack([error, *accuracies], 1), prediction, batch.target)


def _slices(x: Tensor) -> Tensor:
    """The slices of volumes (B, C, D, H, W) as pictures, (B * D, C, H, W); pictures as they are."""
    return x.transpose(1, 2).flatten(0, 1) if x.dim() == 5 else x


def _middle(valid: Tensor, like: Tensor) -> Tensor:
    """The part of a mask (B, 1, H, W) that lies under the middles of windows which lie within."""
    top, left = ((v - n) // 2 for v, n in zip(valid.shape[2:], like.shape[2:], strict=True))
    return valid[:, :, top : top + like.shape[2], left : left + like.shape[3]]


def _mean(difference: Tensor, valid: Tensor | None) -> Tensor:
    """The mean of each picture, (B,), over the pixels that are compared."""
    if valid is None:
        return difference.flatten(1).mean(1)
    is_valid = valid.expand_as(difference)
    return (difference * is_valid).flatten(1).sum(1) / is_valid.flatten(1).sum(1).clamp(min=1)
