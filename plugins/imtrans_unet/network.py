"""A U-Net with activations before or after its convolutions; a notebook can use it without a catalogue."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from imtrans.errors import ConfigError
from imtrans.kit.nn import initialise, norm
from imtrans_unet import UNetOptions
from imtrans_unet.activations import Activation, ActivationFactory, activations_of, default_activation


class UNet(nn.Module):
    """U-Net of Isola et al. 2017 (appendix 6.1), fully convolutional.

    (B, source_channels, H, W) float32 to (B, target_channels, H, W) in (-1, 1); H and W multiples of 2**depth.
    `activation` makes a module from a reference in the options; the default knows "relu" and "leaky-relu". ConfigError
    for options that contradict each other.

    `pre_activation`: block = activation, convolution, norm, dropout, as in the paper's code; a ReLU follows each join,
    so that negative skip values are cut. Without: block = convolution, norm, dropout, activation, as in the TensorFlow
    tutorial; joined values reach the next layer as they are. Both have the same weights.
    """

    def __init__(
        self,
        options: UNetOptions = UNetOptions(),  # noqa: B008 - frozen
        *,
        source_channels: int = 3,
        target_channels: int = 3,
        activation: ActivationFactory = default_activation,
    ) -> None:
        super().__init__()
        _check_dropout(options)
        self.stride, self.skips = 2**options.depth, options.skips
        inner, outer = activations_of(options, activation)
        blocks = _Blocks(options)
        # Doubled at each stage up to 8 times, as the paper's networks are (C64-C128-C256-C512-C512-...).
        widths = [options.width * min(2**i, 8) for i in range(options.depth)]
        # A layer after a join is fed by the block before it and by the encoder's output of that size.
        joined = [widths[-1], *(width * (1 + options.skips) for width in widths[-2::-1])]
        self.encoder = nn.ModuleList(blocks.encoder([source_channels, *widths], inner))
        self.decoder = nn.ModuleList(blocks.decoder(joined, widths[-2::-1], outer))
        last, detail = outer[-1], options.detail
        up = blocks.upsample(joined[-1], detail or target_channels, has_bias=True)
        self.output = nn.Sequential(*([last()] if last else []), up, *([] if detail else [nn.Tanh()]))
        self.detail = _detail(detail, source_channels, target_channels) if detail else None
        initialise(self, std=options.init_std, norm_std=options.init_norm_std, init_type=options.init_type)

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
        return translated if self.detail is None else self.detail(torch.cat([translated, source], dim=1))


def _detail(width: int, source_channels: int, target_channels: int) -> nn.Module:
    """Convolutions at full size: the paper's network sees the source at half its size at most, and each of its pixels
    comes from one of the four places of a transposed convolution of stride 2."""
    first = nn.Conv2d(width + source_channels, width, 3, padding=1)
    return nn.Sequential(first, nn.LeakyReLU(0.2), nn.Conv2d(width, target_channels, 3, padding=1), nn.Tanh())


class _Blocks:
    """Makes the blocks of one network."""

    def __init__(self, options: UNetOptions) -> None:
        self.options = options

    def encoder(self, channels: list[int], activations: list[Activation | None]) -> Iterator[nn.Module]:
        """From the source to the bottleneck. The first block has no norm, nor, by default, has the bottleneck."""
        depth, options = self.options.depth, self.options
        for i in range(depth):
            # A norm over the one pixel that the bottleneck has in training leaves only its bias (the paper's erratum).
            is_normed = options.norm != "none" and i > 0 and (i < depth - 1 or options.bottleneck_norm)
            convolution = nn.Conv2d(
                channels[i],
                channels[i + 1],
                4,
                stride=2,
                padding=1,
                padding_mode="reflect" if options.padding == "reflect" else "zeros",
                bias=self._has_bias(is_normed=is_normed, is_first=i == 0),
            )
            yield self._ordered(activations[i], convolution, self._norm(channels[i + 1]) if is_normed else None, None)

    def decoder(
        self, inputs: list[int], outputs: list[int], activations: list[Activation | None]
    ) -> Iterator[nn.Module]:
        """From the bottleneck outwards, without the output layer."""
        options = self.options
        is_normed = options.norm != "none" and options.decoder_norm
        dropout = {"element": nn.Dropout, "channel": nn.Dropout2d}[options.dropout_kind]
        for i, channels in enumerate(outputs):
            upsample = self.upsample(inputs[i], channels, has_bias=self._has_bias(is_normed=is_normed))
            drop = dropout(options.dropout) if options.dropout and i + 1 in options.dropout_blocks else None
            yield self._ordered(activations[i], upsample, self._norm(channels) if is_normed else None, drop)

    def upsample(self, inputs: int, outputs: int, *, has_bias: bool) -> nn.Module:
        """A layer that doubles height and width."""
        if self.options.upsampling == "transposed":
            return nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=has_bias)
        return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, padding=1, bias=has_bias))

    def _has_bias(self, *, is_normed: bool, is_first: bool = False) -> bool:
        if self.options.bias == "ends":
            return is_first
        return self.options.bias == "everywhere" or (self.options.bias == "no-norm" and not is_normed)

    def _norm(self, channels: int) -> nn.Module:
        return norm(self.options.norm, channels, eps=self.options.norm_eps, momentum=self.options.norm_momentum)

    def _ordered(
        self,
        activation: Activation | None,
        convolution: nn.Module,
        norm: nn.Module | None,
        dropout: nn.Module | None,
    ) -> nn.Sequential:
        """activation, convolution, norm, dropout; or convolution, norm, dropout, activation (or these two swapped)."""
        active = activation() if activation else None
        layers = [active, convolution, norm, dropout]
        if not self.options.pre_activation:
            last = [dropout, active] if self.options.dropout_place == "norm" else [active, dropout]
            layers = [convolution, norm, *last]
        return nn.Sequential(*(layer for layer in layers if layer is not None))


def _check_dropout(options: UNetOptions) -> None:
    blocks = [b for b in options.dropout_blocks if b >= options.depth]
    # The default names three blocks; a shallower network has fewer, and nobody asked for the others.
    if blocks and options.dropout and options.dropout_blocks != UNetOptions().dropout_blocks:
        raise ConfigError(f"dropout_blocks: no block {blocks[0]}; the decoder has {options.depth - 1} inner blocks")
    if options.dropout_place == "activation" and options.pre_activation:
        raise ConfigError(
            "dropout_place activation: with pre_activation no activation follows the norm; use pre_activation=false"
        )
