"""EfficientNet-lite0 as the metrics see it: grey pictures are taken, too."""

from torch import Tensor

from imtrans.kit import lite0
from imtrans_metrics.pictures import colour


class Lite0(lite0.Lite0):
    """Features of pictures (B, 1 or 3, H, W) in [-1, 1]."""

    def _input(self, pictures: Tensor) -> Tensor:
        return colour(self.metric, pictures).float()
