"""Distances between features of trained networks: one number for each image, then the mean over all."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from imtrans.interfaces import Batch
from imtrans.kit import pretrained, weight_file
from imtrans.kit.bases import BaseMetric
from imtrans.kit.features.feature_distance import unit_distance
from imtrans.kit.pretrained import Published
from imtrans_metrics.lite0 import Lite0
from imtrans_metrics.sized import SizedMetric
from imtrans_metrics.tensor_checks import check, colour

Net = Literal["alex", "vgg", "squeeze"]
HUB = "https://download.pytorch.org/models"
PUBLISHED: Mapping[Net, Published] = {
    "alex": Published(url=f"{HUB}/alexnet-owt-7be5be79.pth"),
    "vgg": Published(url=f"{HUB}/vgg16-397923af.pth"),
    "squeeze": Published(url=f"{HUB}/squeezenet1_1-b8a52dc0.pth"),
}
SMALLEST: Mapping[Net, int] = {"alex": 31, "vgg": 16, "squeeze": 17}  # px; below, a pooling layer has no output


class LPIPS(SizedMetric):
    """Learned perceptual distance of each picture (Zhang et al. 2018), (B,), version 0.1, for pictures in [-1, 1].

    The number is named after its network, "lpips_alex". The learned heads come with the package lpips, the network's
    weights are torchvision's. 0 for equal pictures, seldom beyond 1.
    """

    def __init__(self, *, net: Net = "alex", weights: Path | None = None, fetch: bool = False) -> None:
        self.smallest, self.names = SMALLEST[net], (f"lpips_{net}",)
        self.network = _lpips(net, file=weights, fetch=fetch)

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        """The distance of each image, (B,); NaN for images too small for the network."""
        check(prediction, batch.target)
        if self.is_too_small(prediction):
            return self.no_rows(prediction)
        sides = [colour("lpips", p).float() for p in (prediction, batch.target)]
        with torch.no_grad():
            distance: Tensor = self.network.to(prediction.device)(*sides)
        return distance.flatten(1).mean(1)

    def fingerprint(self) -> str:
        """Identifies the weights: numbers of different ones are never compared."""
        return pretrained.fingerprint(self.network)


class Lite0Distance(BaseMetric):
    """Distance of EfficientNet-lite0 features of each picture, (B,), from 0 for equal pictures to 4.

    LPIPS without learned heads: at each of five stages the features at a position are scaled to unit length, and the
    squared distance of the two is averaged over the positions; then the mean over the stages. It is not LPIPS: do not
    compare the numbers of the two.
    """

    names = ("lite0_distance",)

    def __init__(self) -> None:
        self.lite0 = Lite0("lite0-distance")

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        """The distance of each image, (B,)."""
        check(prediction, batch.target)
        with torch.no_grad():
            sides = [self.lite0.levels(side) for side in (prediction, batch.target)]
        return unit_distance(*sides)

    def fingerprint(self) -> str:
        """Identifies the weights: numbers of different ones are never compared."""
        return self.lite0.fingerprint()


def _lpips(net: Net, *, file: Path | None, fetch: bool) -> Any:
    lpips = pretrained.package("lpips", metric="lpips")
    path = pretrained.locate(PUBLISHED[net], metric="lpips", file=file, fetch=fetch)
    tensors = weight_file.read(path)
    with pretrained.forked_rng(), warnings.catch_warnings():
        # lpips 0.1.4 calls torchvision by deprecated arguments; and without `pnet_rand` it downloads weights unasked.
        warnings.filterwarnings("ignore", module="torchvision")
        network = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    # Its slices number their layers as torchvision's `features` does.
    names = {name: f"features.{name.partition('.')[2]}" for name in network.net.state_dict()}
    weight_file.fill(network.net, tensors, path=path, names=names)
    return network.eval().requires_grad_(False)
