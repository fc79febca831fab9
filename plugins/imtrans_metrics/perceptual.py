"""Distances of what trained networks see in two pictures: a number for each picture, then the mean over all."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from imtrans.interfaces import Batch
from imtrans.kit import pretrained
from imtrans.kit.pretrained import Published
from imtrans_metrics.lite0 import Lite0
from imtrans_metrics.tensor_checks import check, check_side, colour

Net = Literal["alex", "vgg", "squeeze"]
HUB = "https://download.pytorch.org/models"
PUBLISHED: Mapping[Net, Published] = {
    "alex": Published(url=f"{HUB}/alexnet-owt-7be5be79.pth"),
    "vgg": Published(url=f"{HUB}/vgg16-397923af.pth"),
    "squeeze": Published(url=f"{HUB}/squeezenet1_1-b8a52dc0.pth"),
}
SMALLEST: Mapping[Net, int] = {"alex": 31, "vgg": 16, "squeeze": 17}  # px; below, a pooling layer gives nothing


class LPIPS:
    """Learned perceptual distance of each picture (Zhang et al. 2018), (B,), version 0.1, for pictures in [-1, 1].

    The number is called by its network, "lpips_alex". The learned heads come with the package lpips, the network's
    weights are torchvision's. 0 for equal pictures, seldom beyond 1.
    """

    def __init__(self, *, net: Net = "alex", weights: Path | None = None, fetch: bool = False) -> None:
        self.net = net
        self.network = _lpips(net, file=weights, fetch=fetch)

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        check(prediction, batch.target)
        check_side("lpips", prediction, SMALLEST[self.net])
        sides = [colour("lpips", p).float() for p in (prediction, batch.target)]
        with torch.no_grad():
            distance: Tensor = self.network.to(prediction.device)(*sides)
        return distance.flatten(1).mean(1)

    def aggregate(self, rows: Tensor) -> Mapping[str, float]:
        return {f"lpips_{self.net}": float(rows.double().mean())}

    def fingerprint(self) -> str:
        return pretrained.fingerprint(self.network)


class Lite0Distance:
    """Distance of EfficientNet-lite0 features of each picture, (B,), from 0 for equal pictures to 4.

    As LPIPS without learned heads: at each of five stages the features of a place are made unit length, and the squared
    distance of the two is averaged over the places; then the mean over the stages. It is no LPIPS: numbers of the two
    cannot be compared.
    """

    def __init__(self) -> None:
        self.lite0 = Lite0("lite0-distance")

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        check(prediction, batch.target)
        with torch.no_grad():
            sides = [self.lite0.levels(p) for p in (prediction, batch.target)]
            levels = [_apart(one, other) for one, other in zip(*sides, strict=True)]
        return torch.stack(levels).mean(0)

    def aggregate(self, rows: Tensor) -> Mapping[str, float]:
        return {"lite0_distance": float(rows.double().mean())}

    def fingerprint(self) -> str:
        return self.lite0.fingerprint()


def _apart(one: Tensor, other: Tensor) -> Tensor:
    """Mean over places of the squared distance of features (B, C, h, w) made unit length, (B,)."""
    units = [features / (features.norm(dim=1, keepdim=True) + 1e-10) for features in (one, other)]
    distance: Tensor = (units[0] - units[1]).square().sum(1).flatten(1).mean(1)
    return distance


def _lpips(net: Net, *, file: Path | None, fetch: bool) -> Any:
    maker = pretrained.package("lpips", metric="lpips")
    path = pretrained.locate(PUBLISHED[net], metric="lpips", file=file, fetch=fetch)
    stored = pretrained.read(path)
    with pretrained.forked_rng(), warnings.catch_warnings():
        # It asks torchvision in an outdated way; and without `pnet_rand` it would fetch weights unasked.
        warnings.filterwarnings("ignore", module="torchvision")
        network = maker.LPIPS(net=net, pnet_rand=True, verbose=False)
    # Its slices number their layers as torchvision's `features` does.
    names = {name: f"features.{name.partition('.')[2]}" for name in network.net.state_dict()}
    pretrained.fill(network.net, stored, path=path, names=names)
    return network.eval().requires_grad_(False)
