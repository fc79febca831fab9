"""A U-Net of three axes; a notebook can use it without a catalogue."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from imtrans.errors import ConfigError
from imtrans.interfaces import Context
from imtrans.kit.nn import initialise, norm
from imtrans_networks3d import UNet3DOptions

MOST = 10  # times the width: channels of a level, at most
Axes = tuple[int, int, int]


def unet3d(*, context: Context, activation: Any, **options: Any) -> "UNet3D":
    """The network that the options describe, for the channels of the data."""
    return UNet3D(
        UNet3DOptions(activation=activation, **options),
        source_channels=context.data_spec.source.num_channels,
        target_channels=context.data_spec.target.num_channels,
        activation=partial(context.make, "activation", activation),
    )


class UNet3D(nn.Module):
    """U-Net of volumes (Çiçek et al. 2016) in the form of nnU-Net (Isensee et al. 2021), fully convolutional.

    (B, source_channels, D, H, W) float32 to (B, target_channels, D, H, W) in (-1, 1); H and W multiples of 2**depth, D
    of 2**(depth - planar_levels): `stride` has all three. Each level has two convolutions; the first of a lower level
    halves the size, a transposed convolution without overlap doubles it. At the outermost `planar_levels` convolutions
    are 1x3x3 and slices are neither halved nor mixed. ConfigError for options that contradict each other.
    """

    def __init__(
        self,
        options: UNet3DOptions = UNet3DOptions(),  # noqa: B008 - frozen
        *,
        source_channels: int = 1,
        target_channels: int = 1,
        activation: Callable[[], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        _check(options)
        depth, planar = options.depth, options.planar_levels
        self.stride: Axes = (2 ** (depth - planar), 2**depth, 2**depth)
        widths = [options.width * min(2**level, MOST) for level in range(depth + 1)]
        convolutions = _Convolutions(options, activation or partial(nn.LeakyReLU, 0.01))
        self.encoder = nn.ModuleList()
        for level, outputs in enumerate(widths):
            inputs = widths[level - 1] if level else source_channels
            self.encoder.append(convolutions.pair(inputs, outputs, level=level, halves=level > 0))
        self.upsampling, self.decoder = nn.ModuleList(), nn.ModuleList()
        for block, level in enumerate(reversed(range(depth)), 1):
            scale = halving(level, planar)
            self.upsampling.append(nn.ConvTranspose3d(widths[level + 1], widths[level], scale, stride=scale))
            rate = options.dropout if block in options.dropout_blocks else 0.0
            self.decoder.append(convolutions.pair(2 * widths[level], widths[level], level=level, dropout=rate))
        self.output = nn.Sequential(nn.Conv3d(widths[0], target_channels, 1), nn.Tanh())
        initialise(self, std=options.init_std, norm_std=0.0)

    def forward(self, source: Tensor) -> Tensor:
        """The translation of a source."""
        skips, x = [], source
        for block in self.encoder:
            x = block(x)
            skips.append(x)
        skips.pop()
        for upsampling, block in zip(self.upsampling, self.decoder, strict=True):
            x = block(torch.cat([upsampling(x), skips.pop()], dim=1))
        translated: Tensor = self.output(x)
        return translated


class _Convolutions:
    """Makes the convolutions of one network."""

    def __init__(self, options: UNet3DOptions, activation: Callable[[], nn.Module]) -> None:
        self.options, self._activation, self._planar = options, activation, options.planar_levels

    def pair(
        self, inputs: int, outputs: int, *, level: int, halves: bool = False, dropout: float = 0.0
    ) -> nn.Sequential:
        """Two convolutions, each with norm and activation; the first may halve the size of the level above."""
        stride = halving(level - 1, self._planar) if halves else (1, 1, 1)
        layers = [*self._block(inputs, outputs, level=level, stride=stride)]
        layers += self._block(outputs, outputs, level=level)
        return nn.Sequential(*layers, *([nn.Dropout3d(dropout)] if dropout else []))

    def _block(self, inputs: int, outputs: int, *, level: int, stride: Axes = (1, 1, 1)) -> Iterator[nn.Module]:
        """Convolution, norm and activation; slices are not mixed at the planar levels."""
        reach, name = int(level >= self._planar), self.options.norm
        kernel, border = (2 * reach + 1, 3, 3), (reach, 1, 1)
        # No bias before a norm, which would take it away again.
        yield nn.Conv3d(inputs, outputs, kernel, stride, border, bias=name == "none")
        if name != "none":
            yield norm(name, outputs)
        yield self._activation()


def halving(level: int, planar: int) -> Axes:
    """How a level is halved: slices stay as they are in the outermost ones."""
    return (1 if level < planar else 2, 2, 2)


def _check(options: UNet3DOptions) -> None:
    if options.planar_levels > options.depth:
        what = f"planar_levels {options.planar_levels}: there are only {options.depth} levels that are halved"
        raise ConfigError(what, hint="Use a larger depth, or fewer planar_levels.")
    blocks = [b for b in options.dropout_blocks if b > options.depth]
    # The default names two blocks; a shallower network has fewer, and nobody asked for the other.
    if blocks and options.dropout and options.dropout_blocks != UNet3DOptions().dropout_blocks:
        raise ConfigError(f"dropout_blocks: no block {blocks[0]}; the decoder has {options.depth}")
