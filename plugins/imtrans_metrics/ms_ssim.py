"""Structural similarity at several sizes of a picture."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from imtrans.errors import ShapeError
from imtrans.interfaces import Batch
from imtrans_metrics.tensor_checks import check

# Wang, Simoncelli, Bovik 2003, section 3.2; found there by asking people.
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


class MultiScaleSSIM:
    """Multi-scale structural similarity of each picture, (B,), for (B, C, H, W) in [-1, 1]; 1 for equal pictures.

    Whole windows only, the borders of an odd size repeated before it is halved, each channel alone and then their mean;
    a scale's mean below 0 counts as 0. The picture must hold a window at the last scale: 161 px for five. Smaller ones
    have NaN, and no number is given unless every picture has one: fewer scales are another number, "ms_ssim_3" for the
    first three, their weights made to sum to 1.
    """

    def __init__(self, *, scales: int = 5) -> None:
        self.weights = [w / sum(WEIGHTS[:scales]) for w in WEIGHTS[:scales]]
        self.smallest = (WINDOW - 1) * 2 ** (scales - 1) + 1
        self.name = "ms_ssim" if scales == len(WEIGHTS) else f"ms_ssim_{scales}"

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        check(prediction, batch.target)
        if prediction.dim() != 4:
            raise ShapeError(f"ms-ssim: compares flat pictures, and these are {tuple(prediction.shape[1:])}")
        if min(prediction.shape[2:]) < self.smallest:
            return prediction.new_full((len(prediction),), torch.nan, dtype=torch.float32)
        one, other = (p.float() / 2 + 0.5 for p in (prediction, batch.target))
        similarity = one.new_ones(one.shape[:2])
        for weight in self.weights[:-1]:
            similarity *= _terms(one, other)[1].relu() ** weight
            one, other = _halved(one), _halved(other)
        similarity *= _terms(one, other)[0].relu() ** self.weights[-1]
        return similarity.mean(1)

    def aggregate(self, rows: Tensor) -> Mapping[str, float]:
        return {} if rows.isnan().any() else {self.name: float(rows.double().mean())}


def _terms(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """The means of similarity and of its contrast and structure alone, (B, C) each, for values in [0, 1]."""
    means = [_blurred(p) for p in (one, other)]
    squares = [_blurred(p * p) - m * m for p, m in zip((one, other), means, strict=True)]
    together = _blurred(one * other) - means[0] * means[1]
    contrast = (2 * together + C2) / (squares[0] + squares[1] + C2)
    light = (2 * means[0] * means[1] + C1) / (means[0] ** 2 + means[1] ** 2 + C1)
    return (light * contrast).mean((2, 3)), contrast.mean((2, 3))


def _blurred(picture: Tensor) -> Tensor:
    # Imported here: the other metrics need not pay for kornia.
    from kornia.filters import filter2d_separable, get_gaussian_kernel1d

    line = get_gaussian_kernel1d(WINDOW, SIGMA, device=picture.device, dtype=picture.dtype)
    blurred: Tensor = filter2d_separable(picture, line, line, padding="valid")
    return blurred


def _halved(picture: Tensor) -> Tensor:
    height, width = picture.shape[2:]
    return F.avg_pool2d(F.pad(picture, (0, width % 2, 0, height % 2), mode="replicate"), 2)
