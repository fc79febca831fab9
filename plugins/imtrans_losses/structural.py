"""Structural similarity as losses: 1 - SSIM (Wang et al. 2004), and over several scales (Wang et al. 2003)."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d

from imtrans.errors import ShapeError

WINDOW, SIGMA = 11, 1.5  # pixels
C1, C2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2  # for values from -1 to 1
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, from the finest on


class SSIM:
    """1 - the mean structural similarity of prediction and target, (B, C, H, W) in [-1, 1]; from 0 to 2.

    Gaussian windows that lie within the picture, and the variances of a whole population, as in the paper.
    """

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """A scalar. ShapeError for pictures smaller than a window."""
        luminance, contrast = _similarity(prediction, target)
        return 1 - (luminance * contrast).mean()


class MultiScaleSSIM:
    """1 - the similarity over several sizes, each half of the one before: contrast at each, brightness at the last.

    Of fewer scales than five the weights are brought to a sum of 1. A negative contrast counts as none.
    """

    def __init__(self, *, scales: int = 5) -> None:
        weights = WEIGHTS[:scales]
        self.weights = [weight / sum(weights) for weight in weights] if scales < len(WEIGHTS) else list(weights)

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """A scalar from 0 to 1. ShapeError for pictures whose coarsest form is smaller than a window."""
        factors = []
        for number, weight in enumerate(self.weights):
            if number:
                prediction, target = (avg_pool2d(side, 2) for side in (prediction, target))
            luminance, contrast = _similarity(prediction, target, needs=2 ** (len(self.weights) - 1 - number))
            is_last = number == len(self.weights) - 1
            similarity = (luminance * contrast if is_last else contrast).flatten(1).mean(1)
            # A power of 0 has an infinite slope.
            factors.append(similarity.clamp(min=1e-6) ** weight)
        return 1 - torch.stack(factors).prod(0).mean()


def _similarity(prediction: Tensor, target: Tensor, *, needs: int = 1) -> tuple[Tensor, Tensor]:
    """Luminance, and contrast with structure, for each window: (B, C, h, w), in float32 at least."""
    x, y = (side.to(torch.promote_types(side.dtype, torch.float32)) for side in (prediction, target))
    if min(x.shape[2:]) < WINDOW * needs:
        size, least = " x ".join(map(str, x.shape[2:])), WINDOW * needs
        hint = "Set data.size larger" + (", or the loss's scales smaller." if needs > 1 else ".")
        raise ShapeError(f"pictures of {size} are too small for this loss: it needs {least} pixels", hint=hint)
    mean_x, mean_y = _blurred(x), _blurred(y)
    variance_x, variance_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return luminance, (2 * covariance + C2) / (variance_x + variance_y + C2)


def _blurred(x: Tensor) -> Tensor:
    """The weighted means in all windows that lie within (B, C, H, W)."""
    offsets = torch.arange(WINDOW, device=x.device, dtype=x.dtype) - WINDOW // 2
    line = torch.exp(-((offsets / SIGMA) ** 2) / 2)
    line = line / line.sum()
    channels = x.shape[1]
    rows = conv2d(x, line.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return conv2d(rows, line.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
