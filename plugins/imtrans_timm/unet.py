"""A U-Net whose encoder is a model of timm."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imtrans.interfaces import Context
from imtrans.kit.nn import NormName
from imtrans_timm.encoder import Encoder, build_encoder
from imtrans_timm.pyramid import Block, SizePyramid, Stem

USER = "generator unet-timm"


class UNet(nn.Module):
    """A U-Net over an encoder: (B, C, H, W) in [-1, 1] to (B, out_channels, H, W) in (-1, 1), of any size.

    Each map of the encoder is brought to the size of the next finer one, joined with it and convolved; finer ones than
    the encoder's come from a stem. Sizes that are no multiples of `stride` are padded with their last pixels.
    `parameter_groups` gives the encoder.
    """

    def __init__(self, encoder: Encoder, *, in_channels: int, out_channels: int, width: int, norm: NormName) -> None:
        super().__init__()
        self.encoder, self.stride = encoder, encoder.stride
        self.sizes = SizePyramid(encoder.channels, encoder.reductions, norm_name=norm)
        self.stem = Stem(in_channels, finest=self.sizes.reductions[0], width=width, norm_name=norm)
        channels = [*self.stem.channels, *self.sizes.channels]
        reductions = [*self.stem.reductions, *self.sizes.reductions]
        self.decoder = nn.ModuleList(_decoder(channels, reductions, width=width, norm=norm))
        finest = _width_at(reductions[0], width) if len(channels) > 1 else channels[0]
        self.output = nn.Conv2d(finest, out_channels, 3, padding=1)

    def forward(self, source: Tensor) -> Tensor:
        """The translation of a source."""
        padded = self.encoder.pad(source)
        maps = [*self.stem(padded), *self.sizes(self.encoder(padded))]
        x = maps.pop()
        for block in self.decoder:
            skip = maps.pop()
            # To the size of the skip, not doubled: some models round odd sizes up, others down.
            x = F.interpolate(x, skip.shape[2:], mode="nearest")
            x = block(torch.cat([x, skip], 1))
        translated: Tensor = self.output(F.interpolate(x, padded.shape[2:], mode="nearest")).tanh()
        return translated[:, :, : source.shape[2], : source.shape[3]]

    def parameter_groups(self) -> Mapping[str, Iterable[nn.Parameter]]:
        """The parameters that may have a learning rate of their own."""
        return {"encoder": self.encoder.parameters()}


def build(
    *, context: Context, width: int, norm: NormName, encoder_norm: str, frozen_stages: int, **options: Any
) -> UNet:
    """The network that the options describe, for the channels and the size of the data."""
    source, target = context.data_spec.source, context.data_spec.target
    encoder = build_encoder(source, context, user=USER, **options)
    if encoder_norm == "frozen" or (encoder_norm == "auto" and options["pretrained"]):
        encoder.freeze_norms()
    encoder.freeze_stages(frozen_stages)
    return UNet(encoder, in_channels=source.num_channels, out_channels=target.num_channels, width=width, norm=norm)


def _decoder(channels: Sequence[int], reductions: Sequence[float], *, width: int, norm: NormName) -> Iterable[Block]:
    """A block for each map but the coarsest, from the coarse ones on."""
    below = channels[-1]
    for skip, reduction in zip(channels[-2::-1], reductions[-2::-1], strict=True):
        outputs = _width_at(reduction, width)
        yield Block(below + skip, outputs, norm_name=norm)
        below = outputs


def _width_at(reduction: float, width: int) -> int:
    return width * int(min(2 ** max(0, round(math.log2(reduction))), 8))
