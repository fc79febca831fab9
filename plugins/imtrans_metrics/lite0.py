"""EfficientNet-lite0 for metrics: accepts grey images as well as RGB."""

from torch import Tensor

from imtrans.kit.features import efficientnet
from imtrans_metrics.tensor_checks import colour


class Lite0(efficientnet.Lite0):
    """Features of images (B, 1 or 3, H, W) in [-1, 1]."""

    resizing = "224 px, bilinear with smoothing"

    def _input(self, pictures: Tensor) -> Tensor:
        return colour(self.metric, pictures).float()
