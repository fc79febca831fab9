"""Metrics that compare pixels: a number for each picture, then the mean over all."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from imtrans.errors import ShapeError
from imtrans.interfaces import Batch


class L1:
    """Mean absolute difference of each picture, (B,); pictures in [-1, 1] of any number of dimensions."""

    def measure(self, prediction: Tensor, batch: Batch) -> Tensor:
        _check(prediction, batch.target)
        return (prediction - batch.target).abs().flatten(1).mean(1)

    def summarise(self, rows: Tensor) -> Mapping[str, float]:
        return {"l1": float(rows.double().mean())}


class PSNR:
    """Peak signal-to-noise ratio of each picture in decibels, (B,); the peak is 2, for values in [-1, 1].

    Equal pictures give inf.
    """

    def measure(self, prediction: Tensor, batch: Batch) -> Tensor:
        _check(prediction, batch.target)
        return 10 * torch.log10(4 / (prediction - batch.target).square().flatten(1).mean(1))

    def summarise(self, rows: Tensor) -> Mapping[str, float]:
        return {"psnr": float(rows.double().mean())}


class SSIM:
    """Structural similarity of each picture, (B,), for (B, C, H, W) in [-1, 1]; Gaussian window, sigma 1.5.

    The variant is in the name of the number: "ssim" counts whole windows only, "ssim_same" mirrors the borders.
    """

    def __init__(self, *, padding: Literal["valid", "same"] = "valid", window: int = 11) -> None:
        self.padding, self.window = padding, window

    def measure(self, prediction: Tensor, batch: Batch) -> Tensor:
        _check(prediction, batch.target)
        # Imported here: the other metrics need not pay for kornia.
        from kornia.metrics import ssim

        if min(batch.target.shape[2:]) < self.window:
            raise ShapeError(
                f"ssim: pictures of {tuple(batch.target.shape[2:])} are smaller than its window {self.window}"
            )
        values: Any = ssim(prediction / 2 + 0.5, batch.target / 2 + 0.5, self.window, padding=self.padding)
        similarity: Tensor = values.flatten(1).mean(1)
        return similarity

    def summarise(self, rows: Tensor) -> Mapping[str, float]:
        return {"ssim" if self.padding == "valid" else "ssim_same": float(rows.double().mean())}


def _check(prediction: Tensor, target: Tensor) -> None:
    """Broadcasting would silently compare every picture with every other."""
    if prediction.shape != target.shape:
        raise ShapeError(f"prediction is {tuple(prediction.shape)}, target {tuple(target.shape)}")
