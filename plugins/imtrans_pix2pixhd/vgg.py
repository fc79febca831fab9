"""The perceptual loss of pix2pixHD on VGG19 (Wang et al. 2018, appendix)."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from imtrans.errors import ConfigError
from imtrans.interfaces import Context
from imtrans.kit import pretrained, weight_file

PUBLISHED = pretrained.Published(url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth")
# Channels of its convolutions up to relu5_1, block by block; each block but the last ends in a pooling layer.
BLOCKS = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,))
SHARES = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)  # of relu1_1, relu2_1, relu3_1, relu4_1, relu5_1
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of its training


class Vgg19(nn.Module):
    """VGG19 (Simonyan and Zisserman 2015) up to relu5_1, its layers numbered as torchvision's `features`."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(*_layers())

    def forward(self, x: Tensor) -> list[Tensor]:
        """The first ReLU's output of each block, of (B, 3, H, W) as it was trained on."""
        taken, is_first = [], True
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.ReLU) and is_first:
                taken.append(x)
            # After the first ReLU of a block come others of it, until the next pooling layer.
            is_first = isinstance(layer, nn.MaxPool2d) or (is_first and not isinstance(layer, nn.ReLU))
        return taken


class VggPerceptual(nn.Module):
    """The weighted L1 of VGG19's features of prediction and target, (B, 1 or 3, H, W) in [-1, 1], to a scalar."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: Vgg19) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The distance; the target has no gradient."""
        with torch.no_grad():
            wanted = self.network(self._input(target))
        pairs = zip(SHARES, self.network(self._input(prediction)), wanted, strict=True)
        return torch.stack([share * l1_loss(made, want) for share, made, want in pairs]).sum()

    def _input(self, picture: Tensor) -> Tensor:
        rgb = picture.expand(-1, 3, -1, -1) if picture.shape[1] == 1 else picture
        shown: Tensor = ((rgb + 1) / 2 - self.mean) / self.std
        return shown


def perceptual(*, weights: str, fetch: bool, context: Context) -> nn.Module:
    """The loss with weights from a file, the cache or the network; nothing where it is never called.

    ConfigError for data of other channels than 1 and 3.
    """
    if context.weights_follow:
        return nn.Identity()
    spec = context.data_spec.target
    if spec.kind != "image" or spec.channels not in (1, 3) or spec.space:
        raise ConfigError("loss 'vgg19-perceptual': it sees pictures of 1 or 3 channels, and the targets are others")
    file = Path(weights).expanduser() if weights else None
    key = "reconstruction.vgg19-perceptual"
    path = pretrained.locate(PUBLISHED, metric="vgg19-perceptual", file=file, fetch=fetch, key=key)
    with pretrained.forked_rng():
        network = Vgg19()
    weight_file.fill(network, weight_file.read(path), path=path)
    return VggPerceptual(network)


def _layers() -> Iterator[nn.Module]:
    channels = 3
    for number, widths in enumerate(BLOCKS):
        if number:
            yield nn.MaxPool2d(2)
        for width in widths:
            yield nn.Conv2d(channels, width, 3, padding=1)
            yield nn.ReLU()
            channels = width
