"""A U-Net in both of the field's wirings; knows nothing of imtrans but its norm layers."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from imtrans.kit.nn import NormName, initialise, norm

Activation = Callable[[], nn.Module]


@dataclass(frozen=True, kw_only=True)
class _Style:
    """What all blocks of one network share."""

    norm: NormName
    norm_eps: float
    norm_momentum: float
    bias: Literal["last", "ends", "no-norm", "everywhere"]
    padding: Literal["zero", "reflect"]
    upsampling: Literal["transposed", "resize"]
    pre_activation: bool
    dropout_place: Literal["norm", "activation"]

    def has_bias(self, *, is_normed: bool, is_first: bool = False) -> bool:
        if self.bias == "ends":
            return is_first
        return self.bias == "everywhere" or (self.bias == "no-norm" and not is_normed)

    def normed(self, channels: int) -> nn.Module:
        return norm(self.norm, channels, eps=self.norm_eps, momentum=self.norm_momentum)

    def layers(
        self,
        convolution: nn.Module,
        activation: nn.Module | None,
        *,
        norm: nn.Module | None,
        dropout: nn.Module | None = None,
    ) -> nn.Sequential:
        """activation, convolution, norm, dropout; or convolution, norm, dropout, activation (or these two swapped)."""
        ordered = [activation, convolution, norm, dropout]
        if not self.pre_activation:
            last = [dropout, activation] if self.dropout_place == "norm" else [activation, dropout]
            ordered = [convolution, norm, *last]
        return nn.Sequential(*(layer for layer in ordered if layer is not None))


class UNet(nn.Module):
    """U-Net of Isola et al. 2017 (appendix 6.1), fully convolutional.

    (B, source_channels, H, W) float32 to (B, target_channels, H, W) in (-1, 1); H and W multiples of 2**depth.

    `pre_activation`: block = activation, convolution, norm, dropout, as in the paper's code; a ReLU follows each join,
    so that negative skip values are cut. Without: block = convolution, norm, dropout, activation, as in the TensorFlow
    tutorial; joined values reach the next layer as they are. Both have the same weights.
    With it there are depth - 1 encoder and depth decoder activations, without it depth and depth - 1; the one at
    the bottleneck's way out is the decoder's first or the encoder's last, or `bottleneck_activation`.
    """

    def __init__(
        self,
        source_channels: int = 3,
        target_channels: int = 3,
        *,
        depth: int = 8,
        width: int = 64,
        encoder_activations: Sequence[Activation] | None = None,
        decoder_activations: Sequence[Activation] | None = None,
        bottleneck_activation: Activation | None = None,
        norm: NormName = "batch",
        norm_eps: float = 1e-5,
        norm_momentum: float = 0.1,
        decoder_norm: bool = True,
        bottleneck_norm: bool = False,
        dropout: float = 0.5,
        dropout_blocks: Collection[int] = (1, 2, 3),
        dropout_kind: Literal["element", "channel"] = "element",
        dropout_place: Literal["norm", "activation"] = "norm",
        pre_activation: bool = True,
        padding: Literal["zero", "reflect"] = "zero",
        bias: Literal["last", "ends", "no-norm", "everywhere"] = "last",
        upsampling: Literal["transposed", "resize"] = "transposed",
        skips: bool = True,
        init_std: float = 0.02,
        init_norm_std: float = 0.02,
    ) -> None:
        super().__init__()
        self.stride, self.skips = 2**depth, skips
        style = _Style(
            norm=norm,
            norm_eps=norm_eps,
            norm_momentum=norm_momentum,
            bias=bias,
            padding=padding,
            upsampling=upsampling,
            pre_activation=pre_activation,
            dropout_place=dropout_place,
        )
        leaky: Activation = lambda: nn.LeakyReLU(0.2)  # noqa: E731
        inner = [*(encoder_activations or [leaky] * depth)]
        outer = [*(decoder_activations or [nn.ReLU] * depth)]
        if bottleneck_activation and pre_activation:
            outer[0] = bottleneck_activation
        elif bottleneck_activation:
            inner[depth - 1] = bottleneck_activation
        # Before a layer, the first encoder block has no activation; after it, the last decoder block has none.
        befores = [None, *inner] if pre_activation else inner
        widths = [width * min(2**i, 8) for i in range(depth)]
        drop = {"element": nn.Dropout, "channel": nn.Dropout2d}[dropout_kind]
        drops = [drop(dropout) if dropout and i in dropout_blocks else None for i in range(1, depth)]
        joined = 2 if skips else 1
        self.encoder = _encoder([source_channels, *widths], style, befores, is_bottleneck_normed=bottleneck_norm)
        self.decoder = _decoder(widths[::-1], style, outer, drops, joined=joined, is_normed=decoder_norm)
        self.output = nn.Sequential(
            *([outer[depth - 1]()] if pre_activation else []),
            _upsample(widths[0] * joined, target_channels, style, has_bias=True),
            nn.Tanh(),
        )
        if init_std:
            initialise(self, std=init_std, norm_std=init_norm_std)

    def forward(self, source: Tensor) -> Tensor:
        """The translation of a source."""
        skips = []
        x = source
        for block in self.encoder:
            x = block(x)
            skips.append(x)
        skips.pop()
        for block in self.decoder:
            x = block(x)
            x = torch.cat([x, skips.pop()], dim=1) if self.skips else x
        translated: Tensor = self.output(x)
        return translated


def _encoder(
    channels: Sequence[int],
    style: _Style,
    activations: Sequence[Activation | None],
    *,
    is_bottleneck_normed: bool,
) -> nn.ModuleList:
    last = len(channels) - 2
    is_normed = [0 < i < last or (i == last and is_bottleneck_normed) for i in range(last + 1)]
    blocks = zip(channels, channels[1:], activations, is_normed, strict=False)
    return nn.ModuleList(
        _down(i, o, style, activation=a, is_normed=n, is_first=k == 0) for k, (i, o, a, n) in enumerate(blocks)
    )


def _decoder(
    widths: Sequence[int],
    style: _Style,
    activations: Sequence[Activation],
    drops: Sequence[nn.Module | None],
    *,
    joined: int,
    is_normed: bool,
) -> nn.ModuleList:
    """From the bottleneck outwards; every block but the first is fed by two joined."""
    inputs = [widths[0], *(w * joined for w in widths[1:-1])]
    blocks = zip(inputs, widths[1:], activations, drops, strict=False)
    return nn.ModuleList(_up(i, o, style, activation=a, dropout=d, is_normed=is_normed) for i, o, a, d in blocks)


def _down(
    inputs: int,
    outputs: int,
    style: _Style,
    *,
    activation: Activation | None,
    is_normed: bool,
    is_first: bool,
) -> nn.Module:
    convolution = nn.Conv2d(
        inputs,
        outputs,
        4,
        stride=2,
        padding=1,
        padding_mode="reflect" if style.padding == "reflect" else "zeros",
        bias=style.has_bias(is_normed=is_normed and style.norm != "none", is_first=is_first),
    )
    after = style.normed(outputs) if is_normed and style.norm != "none" else None
    return style.layers(convolution, activation() if activation else None, norm=after)


def _up(
    inputs: int,
    outputs: int,
    style: _Style,
    *,
    activation: Activation,
    dropout: nn.Module | None,
    is_normed: bool,
) -> nn.Module:
    is_normed = is_normed and style.norm != "none"
    upsample = _upsample(inputs, outputs, style, has_bias=style.has_bias(is_normed=is_normed))
    return style.layers(upsample, activation(), norm=style.normed(outputs) if is_normed else None, dropout=dropout)


def _upsample(inputs: int, outputs: int, style: _Style, *, has_bias: bool) -> nn.Module:
    if style.upsampling == "transposed":
        return nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=has_bias)
    return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, padding=1, bias=has_bias))
