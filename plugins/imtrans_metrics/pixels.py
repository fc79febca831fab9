"""Metrics that compare pixels: one number for each image, then the mean over all."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from imtrans.interfaces import Batch
from imtrans_metrics.tensor_checks import check, nan_where_broken, no_rows, stored


class L1:
    """Mean absolute difference of each picture, (B,); pictures in [-1, 1] of any number of dimensions.

    Void pixels are left out; a picture of void alone has NaN.
    """

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        """The mean absolute difference of each image, (B,)."""
        check(prediction, batch.target)
        difference = (prediction.float() - batch.target.float()).abs()
        if batch.valid is None:
            return difference.flatten(1).mean(1)
        is_valid = batch.valid.expand_as(difference)
        return (difference * is_valid).flatten(1).sum(1) / is_valid.flatten(1).sum(1)

    def aggregate(self, rows: Tensor) -> Mapping[str, float]:
        """The mean over all images."""
        return {"l1": float(rows.double().mean())}


class PSNR:
    """Peak signal-to-noise ratio of each picture in decibels, (B,); the peak is 2, for values in [-1, 1].

    Equal pictures give inf.
    """

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        """The ratio of each image, (B,)."""
        check(prediction, batch.target)
        # 4: the squared peak of values in [-1, 1].
        return 10 * torch.log10(4 / (prediction.float() - batch.target.float()).square().flatten(1).mean(1))

    def aggregate(self, rows: Tensor) -> Mapping[str, float]:
        """The mean of the ratios in decibels; inf as soon as one pair is equal."""
        return {"psnr": float(rows.double().mean())}


class SSIM:
    """Structural similarity of each picture, (B,), for (B, C, H, W) in [-1, 1]; Gaussian window, sigma 1.5.

    The variant is in the name of the number: "ssim" has full windows only, "ssim_same" mirrors the borders.
    """

    def __init__(self, *, padding: Literal["valid", "same"] = "valid", window: int = 11) -> None:
        self.padding, self.smallest = padding, window

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        """The similarity of each image, (B,); NaN for images smaller than the window."""
        check(prediction, batch.target)
        if min(batch.target.shape[2:]) < self.smallest:
            return no_rows(prediction)
        # Imported here: kornia takes a second to import, and the other metrics do not need it.
        from kornia.metrics import ssim

        sides = (side.float() / 2 + 0.5 for side in (prediction, batch.target))
        similarity_map: Any = ssim(*sides, self.smallest, padding=self.padding)
        similarity: Tensor = similarity_map.flatten(1).mean(1)
        return similarity

    def aggregate(self, rows: Tensor) -> Mapping[str, float]:
        """The mean over all images, named after the padding; nothing unless every image has a row."""
        name = "ssim" if self.padding == "valid" else "ssim_same"
        return {} if rows.isnan().any() else {name: float(rows.double().mean())}


class PixelAccuracy:
    """Colour error and pixel accuracy of each image, (B, 3), as GcGAN measures maps (Fu et al. 2019, section 4.2).

    "rmse": root of the mean over pixels of the squared difference, summed over the channels as in the authors' program,
    in units of 255. "accuracy_5" and "accuracy_10": share of pixels whose channels all differ by less than that. Values
    are compared as 8 bits store them.
    """

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        """The error and both accuracies of each image, (B, 3)."""
        check(prediction, batch.target)
        difference = (stored(prediction) - stored(batch.target)).abs()
        error = difference.square().sum(1).flatten(1).mean(1).sqrt()
        largest = difference.amax(1).flatten(1)
        accuracies = [(largest < delta).float().mean(1) for delta in (5, 10)]
        return nan_where_broken(torch.stack([error, *accuracies], 1), prediction, batch.target)

    def aggregate(self, rows: Tensor) -> Mapping[str, float]:
        """The means of the three columns."""
        names = ("rmse", "accuracy_5", "accuracy_10")
        return dict(zip(names, rows.double().mean(0).tolist(), strict=True))
