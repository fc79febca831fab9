"""Structural similarity at several scales of an image."""

from torch import Tensor

from imtrans.errors import ShapeError
from imtrans.interfaces import Batch
from imtrans.kit.features.structural_similarity import WEIGHTS, halved, least_size, scale_weights, similarity_maps
from imtrans_metrics.sized import SizedMetric
from imtrans_metrics.tensor_checks import check


class MultiScaleSSIM(SizedMetric):
    """Multi-scale structural similarity of each picture, (B,), for (B, C, H, W) in [-1, 1]; 1 for equal pictures.

    Full windows only; the border of an odd size is repeated before halving; the mean over channels; a mean below 0 at
    a scale counts as 0. An image must hold a window at the last scale: 161 px for five scales. Smaller ones have NaN,
    and there is no number unless every image has one. Fewer scales are another number, "ms_ssim_3" for the first
    three, with weights normalised to sum to 1.
    """

    def __init__(self, *, scales: int = 5) -> None:
        self.weights, self.smallest = scale_weights(scales), least_size(scales)
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
            similarity *= similarity_maps(x, y, data_range=1.0)[1].mean((2, 3)).relu() ** weight
            x, y = halved(x), halved(y)
        similarity *= similarity_maps(x, y, data_range=1.0)[0].mean((2, 3)).relu() ** self.weights[-1]
        return similarity.mean(1)
