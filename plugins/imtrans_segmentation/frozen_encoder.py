"""A generator of painted labels: a frozen encoder trained on photographs, and a small head that is trained."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imtrans.errors import ConfigError
from imtrans.interfaces import Context
from imtrans.kit.features.efficientnet import Lite0

LEVELS = (24, 40, 112, 320)  # channels of lite0's stages at a quarter to a thirty-second of the size


class Painter(nn.Module):
    """Photos (B, 3, H, W) in [-1, 1] to labels (B, out_channels, H, W): colours in (-1, 1), or planes of classes.

    The stages of EfficientNet-lite0, frozen, are resized to an eighth of the size; three convolutions turn them into
    labels, which are enlarged to full size. The head needs few images, and the encoder knows only photographs: an
    image that does not look like one is labelled badly, as a score of generated photos should have it.
    NotInstalledError without the extra "metrics", unless the weights follow from a checkpoint.
    """

    def __init__(
        self, *, out_channels: int = 3, width: int = 128, is_image: bool = True, weights_follow: bool = False
    ) -> None:
        super().__init__()
        lite0 = Lite0("generator lite0-painter", weights_follow=weights_follow)
        self.encoder: Any = lite0.network.requires_grad_(False)
        self.head = nn.Sequential(
            nn.GroupNorm(1, sum(LEVELS)),
            nn.Conv2d(sum(LEVELS), width, 1),
            nn.ReLU(),
            nn.Conv2d(width, width // 2, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width // 2, out_channels, 1),
        )
        self.is_image = is_image

    def forward(self, source: Tensor) -> Tensor:
        """Labels of the same size as the photos."""
        size = source.shape[2:]
        labels = F.interpolate(self.head(self._features(source)), size, mode="bilinear")
        return labels.tanh() if self.is_image else labels

    def train(self, mode: bool = True) -> "Painter":
        """Sets the mode of the head alone: the encoder's norm layers keep the statistics of its photographs."""
        super().train(mode)
        self.encoder.eval()
        return self

    def _features(self, source: Tensor) -> Tensor:
        with torch.no_grad():
            _, *levels = self.encoder.forward_intermediates(source, intermediates_only=True)
        size = levels[1].shape[2:]
        # In float32: torch has no antialiasing for bfloat16.
        return torch.cat([F.interpolate(level.float(), size, mode="bilinear", antialias=True) for level in levels], 1)


def build(*, width: int, context: Context) -> Painter:
    """The generator for this data. ConfigError for sources that are not RGB images."""
    source, target = context.data_spec.source, context.data_spec.target
    if source.kind != "image" or source.channels != 3:
        raise ConfigError(
            f"generator lite0-painter: it sees photos (RGB), not {source.kind} of {source.channels} channels",
            hint="Choose another generator, or the other data.direction.",
        )
    return Painter(
        out_channels=target.num_channels,
        width=width,
        is_image=target.kind != "labels",
        weights_follow=context.weights_follow,
    )
