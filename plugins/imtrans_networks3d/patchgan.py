"""The PatchGAN along three axes."""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from imtrans.errors import ConfigError, ShapeError
from imtrans.interfaces import Context, DiscriminatorOutput
from imtrans.kit.nn import initialise, norm, outputs_of
from imtrans_networks3d import PatchGAN3DOptions

KERNEL = 4


def patchgan3d(*, context: Context, activation: Any, **options: Any) -> "PatchGAN3D":
    """The network that the options describe, for the channels of the data."""
    made = PatchGAN3DOptions(activation=activation, **options)
    return PatchGAN3D(
        made,
        source_channels=context.data_spec.source.num_channels if made.conditional else 0,
        target_channels=context.data_spec.target.num_channels,
        activation=partial(context.make, "activation", activation),
    )


class PatchGAN3D(nn.Module):
    """Convolutions that classify overlapping blocks: Isola et al. 2017 (appendix 6.1) with a third axis.

    Called with source (B, S, D, H, W) and volume (B, C, D, H, W); the source is ignored where source_channels is 0.
    Gives logits (B, 1, d, h, w) and the outputs of all inner blocks. The outermost `planar_levels` convolutions are
    1x4x4 and leave slices as they are. The first and the last convolution have no norm.
    """

    def __init__(
        self,
        options: PatchGAN3DOptions = PatchGAN3DOptions(),  # noqa: B008 - frozen
        *,
        source_channels: int = 1,
        target_channels: int = 1,
        activation: Callable[[], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        layers, planar = options.layers, options.planar_levels
        if planar > layers + 2:
            what = f"planar_levels {planar}: there are only {layers + 2} convolutions"
            raise ConfigError(what, hint="Use more layers, or fewer planar_levels.")
        self.is_conditional, activation = source_channels > 0, activation or partial(nn.LeakyReLU, 0.2)
        widths = [options.width * min(2**i, 8) for i in range(layers + 1)]
        self.blocks, inputs = nn.ModuleList(), source_channels + target_channels
        for i, outputs in enumerate([*widths, 1]):
            is_last, has_norm = i == len(widths), 0 < i < len(widths) and options.norm != "none"
            step = 2 if i < layers else 1
            block: list[nn.Module] = [_convolution(inputs, outputs, step, is_planar=i < planar, bias=not has_norm)]
            block += [norm(options.norm, outputs)] if has_norm else []
            self.blocks.append(nn.Sequential(*block, *([] if is_last else [activation()])))
            inputs = outputs
        self.smallest = _smallest(layers, planar), _smallest(layers, 0)
        initialise(self, std=options.init_std, norm_std=0.0)

    def forward(self, source: Tensor | None, image: Tensor) -> DiscriminatorOutput:
        """Logits and features. ShapeError for volumes smaller than `smallest`, slices and pixels of a side."""
        (slices, *sides), (fewest, shortest) = image.shape[2:], self.smallest
        if slices < fewest or min(sides) < shortest:
            what = f"volumes of {tuple(image.shape[2:])} are too small for this discriminator"
            needed = f"it needs {fewest} slices of {shortest} x {shortest} pixels"
            hint = "Use larger ones (data.size, dataset.depth), discriminator.layers smaller or planar_levels larger."
            raise ShapeError(f"{what}: {needed}", hint=hint)
        x = torch.cat([source, image], dim=1) if self.is_conditional and source is not None else image
        *features, logits = outputs_of(self.blocks, x)
        return DiscriminatorOutput(logits=[logits], features=[features])


def _convolution(inputs: int, outputs: int, step: int, *, is_planar: bool, bias: bool) -> nn.Conv3d:
    kernel, stride, border = (1 if is_planar else KERNEL), (1 if is_planar else step), (0 if is_planar else 1)
    return nn.Conv3d(inputs, outputs, (kernel, KERNEL, KERNEL), (stride, step, step), padding=(border, 1, 1), bias=bias)


def _smallest(layers: int, planar: int) -> int:
    """The size along an axis for which each convolution has a position. Searched: each stride rounds down."""
    steps = [2 if i < layers else 1 for i in range(layers + 2)][planar:]

    def fits(size: int) -> bool:
        for step in steps:
            size = (size + 2 - KERNEL) // step + 1
            if size < 1:
                return False
        return True

    return next(size for size in itertools.count(1) if fits(size))
