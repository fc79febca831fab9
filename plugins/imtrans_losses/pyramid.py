"""L1 over sizes: a loss for pairs that do not fit each other to the pixel."""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from imtrans.errors import ShapeError
from imtrans.kit.nn import BlurDown

BLURS = 4  # for each octave, as in the authors' code
SIDE = math.exp(-0.5) / (1 + 2 * math.exp(-0.5))  # of a Gaussian of three pixels with a deviation of one


class PyramidL1:
    """The mean over sizes of the mean absolute difference (Liu et al. 2022, pyramid pix2pix); (B, C, H, W) to a scalar.

    Each size is half of the one before: four Gaussian blurs of three pixels, deviation 1, then a blur of [1, 2, 1] of
    which every second pixel is taken. A shift of d pixels counts as one of d / 8 at the fourth size.
    """

    def __init__(self, *, levels: int = 4) -> None:
        self.levels, self.half = levels, BlurDown()
        self.smallest = 2 ** (levels - 2) + 1 if levels > 1 else 1

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """From 0 to 2, for values in [-1, 1]. ShapeError for pictures that are too small for the sizes."""
        if min(prediction.shape[2:]) < self.smallest:
            size = " x ".join(map(str, prediction.shape[2:]))
            what = f"pictures of {size} are too small for this loss: it needs {self.smallest} pixels"
            raise ShapeError(what, hint="Set data.size larger, or the loss's levels smaller.")
        # Blurs are linear: the pyramid of the difference is the difference of the pyramids, at half the cost.
        difference = prediction - target
        distances = [difference.abs().mean()]
        for _ in range(1, self.levels):
            for _ in range(BLURS):
                difference = _blurred(difference)
            difference = self.half(difference)
            distances.append(difference.abs().mean())
        return torch.stack(distances).mean()


def _blurred(picture: Tensor) -> Tensor:
    for axis in (2, 3):
        size, border = picture.shape[axis], (1, 1, 0, 0) if axis == 3 else (0, 0, 1, 1)
        padded = pad(picture, border, mode="reflect")
        before, middle, after = (padded.narrow(axis, k, size) for k in range(3))
        picture = SIDE * (before + after) + (1 - 2 * SIDE) * middle
    return picture
