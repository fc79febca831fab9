"""A discriminator that sees pictures through a frozen model of timm, as Projected GAN's does."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm as normalised

from imtrans.errors import ConfigError
from imtrans.interfaces import Context, DiscriminatorOutput
from imtrans_timm.encoder import Encoder, build_encoder

USER = "discriminator patchgan-timm"


class FeaturePatchGAN(nn.Module):
    """Classifies patches at each of several scales by the features of frozen encoders (Sauer et al. 2021).

    Called with source and image, (B, C, H, W); gives for each scale, from fine to coarse, logits (B, 1, h, w) and the
    output of the layer before. With `is_conditional` the features of the image are joined with those of the source, by
    `source_encoder` where the source has other channels. Only the two convolutions of each scale are trained.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        source_encoder: Encoder | None,
        is_conditional: bool,
        scales: int,
        width: int,
        projection: bool,
        spectral_norm: bool,
    ) -> None:
        super().__init__()
        self.encoder, self.source_encoder = encoder.freeze(), source_encoder and source_encoder.freeze()
        self.scales, self.is_conditional, sides = scales, is_conditional, 1 + is_conditional
        channels = [sides * c for c in encoder.channels[-scales:]]
        self.projection = Projection(channels, width=width).requires_grad_(False) if projection else None
        inputs = [width] * len(channels) if projection else channels
        wrap = normalised if spectral_norm else nn.Identity()
        self.hidden = nn.ModuleList(
            nn.Sequential(wrap(nn.Conv2d(c, width, 3, padding=1)), nn.LeakyReLU(0.2)) for c in inputs
        )
        self.logits = nn.ModuleList(wrap(nn.Conv2d(width, 1, 3, padding=1)) for _ in inputs)

    def forward(self, source: Tensor | None, image: Tensor) -> DiscriminatorOutput:
        """Logits and features of each scale."""
        maps = self.encoder(self.encoder.pad(image))[-self.scales :]
        if self.is_conditional and source is not None:
            encoder = self.encoder if self.source_encoder is None else self.source_encoder
            beside = encoder(encoder.pad(source))[-self.scales :]
            maps = [torch.cat(pair, 1) for pair in zip(beside, maps, strict=True)]
        if self.projection is not None:
            maps = self.projection(maps)
        features = [layer(each) for layer, each in zip(self.hidden, maps, strict=True)]
        logits = [layer(each) for layer, each in zip(self.logits, features, strict=True)]
        return DiscriminatorOutput(logits=logits, features=[[each] for each in features])


class Projection(nn.Module):
    """Fixed random layers that mix channels and then scales, from the coarsest to the finest, so that no scale can be
    fooled alone (section 3.2). Maps (B, c, h, w) of these channels to maps of `width` channels.
    """

    def __init__(self, channels: Sequence[int], *, width: int) -> None:
        super().__init__()
        self.across_channels = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.across_scales = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in channels[1:])
        for layer in (*self.across_channels, *self.across_scales):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """The mixed maps, from the finest on."""
        mixed = [layer(each) for layer, each in zip(self.across_channels, maps, strict=True)]
        for i in range(len(mixed) - 2, -1, -1):
            # Nearest, whose gradient is the same each time on a GPU, too.
            coarser = F.interpolate(mixed[i + 1], mixed[i].shape[2:], mode="nearest")
            mixed[i] = mixed[i] + self.across_scales[i](coarser)
        return mixed


def build(
    *,
    context: Context,
    encoder: str,
    pretrained: bool,
    weights: str,
    scales: int,
    conditional: bool,
    **options: Any,
) -> FeaturePatchGAN:
    """The network that the options describe. ConfigError where the encoder has fewer maps than `scales`."""
    source, target = context.data_spec.source, context.data_spec.target
    make = partial(build_encoder, context=context, user=USER, encoder=encoder, pretrained=pretrained, weights=weights)
    of_target = make(target)
    is_other = (source.kind, source.num_channels) != (target.kind, target.num_channels)
    if scales > len(of_target.channels):
        raise ConfigError(
            f"{USER}: scales {scales}: encoder {encoder!r} has {len(of_target.channels)} maps",
            hint=f"Use at most that: --set discriminator.scales={len(of_target.channels)}",
        )
    of_source = make(source) if conditional and is_other else None
    return FeaturePatchGAN(of_target, source_encoder=of_source, is_conditional=conditional, scales=scales, **options)
