"""Structural similarity at several scales of an image."""

import torch.nn.functional as F
from torch import Tensor

from imtrans.errors import ShapeError
from imtrans.interfaces import Batch
from imtrans_metrics.sized import SizedMetric
from imtrans_metrics.tensor_checks import check

# Wang, Simoncelli, Bovik 2003, section 3.2: fitted there to the answers of human observers.
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


class MultiScaleSSIM(SizedMetric):
    """Multi-scale structural similarity of each picture, (B,), for (B, C, H, W) in [-1, 1]; 1 for equal pictures.

    Full windows only; the border of an odd size is repeated before halving; the mean over channels; a mean below 0 at
    a scale counts as 0. An image must hold a window at the last scale: 161 px for five scales. Smaller ones have NaN,
    and there is no number unless every image has one. Fewer scales are another number, "ms_ssim_3" for the first
    three, with weights normalised to sum to 1.
    """

    def __init__(self, *, scales: int = 5) -> None:
        self.weights = [w / sum(WEIGHTS[:scales]) for w in WEIGHTS[:scales]]
        self.smallest = (WINDOW - 1) * 2 ** (scales - 1) + 1
        self.names = ("ms_ssim" if scales == len(WEIGHTS) else f"ms_ssim_{scales}",)

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        """One row an image, (B,); NaN where it is too small. ShapeError for volumes."""
        check(prediction, batch.target)
        if prediction.dim() != 4:
            raise ShapeError(f"ms-ssim: compares flat pictures, and these are {tuple(prediction.shape[1:])}")
        if self.is_too_small(prediction):
            return self.no_rows(prediction)
        x, y = (side.float() / 2 + 0.5 for side in (prediction, batch.target))
        similarity = x.new_ones(x.shape[:2])
        for weight in self.weights[:-1]:
            # relu: a negative mean to a fractional power would be NaN.
            similarity *= _terms(x, y)[1].relu() ** weight
            x, y = _halved(x), _halved(y)
        similarity *= _terms(x, y)[0].relu() ** self.weights[-1]
        return similarity.mean(1)


def _terms(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The means of similarity and of its contrast and structure alone, (B, C) each, for values in [0, 1]."""
    means = [_blurred(side) for side in (x, y)]
    variances = [_blurred(side * side) - mean * mean for side, mean in zip((x, y), means, strict=True)]
    covariance = _blurred(x * y) - means[0] * means[1]
    contrast = (2 * covariance + C2) / (variances[0] + variances[1] + C2)
    luminance = (2 * means[0] * means[1] + C1) / (means[0] ** 2 + means[1] ** 2 + C1)
    return (luminance * contrast).mean((2, 3)), contrast.mean((2, 3))


def _blurred(picture: Tensor) -> Tensor:
    # Imported here: kornia takes a second to import, and the other metrics do not need it.
    from kornia.filters import filter2d_separable, get_gaussian_kernel1d

    kernel = get_gaussian_kernel1d(WINDOW, SIGMA, device=picture.device, dtype=picture.dtype)
    blurred: Tensor = filter2d_separable(picture, kernel, kernel, padding="valid")
    return blurred


def _halved(picture: Tensor) -> Tensor:
    height, width = picture.shape[2:]
    # Replicated, not zeros: a dark border would count as structure.
    return F.avg_pool2d(F.pad(picture, (0, width % 2, 0, height % 2), mode="replicate"), 2)
