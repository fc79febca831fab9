"""The discriminator of pix2pixHD: patches at several scales (Wang et al. 2018, section 3.2)."""

import itertools

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from imtrans.errors import ShapeError
from imtrans.interfaces import Context, DiscriminatorOutput
from imtrans.kit.nn import initialise, outputs_of

MAX_CHANNELS = 512


def multiscale(*, conditional: bool, context: Context, **options: float) -> "Multiscale":
    """The networks that the options describe, for the channels of the data."""
    spec = context.data_spec
    seen = spec.source.num_channels if conditional else 0
    return Multiscale(seen, spec.target.num_channels, **options)  # type: ignore[arg-type]


class Multiscale(nn.Module):
    """The same network several times, each for pictures of half the size of the one before.

    Called with source (B, S, H, W) and picture (B, C, H, W); the source is ignored where source_channels is 0. Gives
    logits and the outputs of all inner blocks, scale by scale from the finest on.
    """

    def __init__(
        self, source_channels: int, channels: int, *, scales: int, layers: int, width: int, init_std: float
    ) -> None:
        super().__init__()
        self.is_conditional = source_channels > 0
        self.scales = nn.ModuleList(_patches(source_channels + channels, layers, width) for _ in range(scales))
        initialise(self, std=init_std)

    def forward(self, source: Tensor | None, image: Tensor) -> DiscriminatorOutput:
        """Logits and features. ShapeError for pictures that are too small at the coarsest scale."""
        smallest = 2 ** (len(self.scales) - 1)
        if min(image.shape[2:]) < smallest:
            what = f"pictures of {tuple(image.shape[2:])} are too small for {len(self.scales)} scales"
            raise ShapeError(f"{what}: they need {smallest} pixels", hint="Set discriminator.scales smaller.")
        x = torch.cat([source, image], dim=1) if self.is_conditional and source is not None else image
        outputs = []
        for number, blocks in enumerate(self.scales):
            x = avg_pool2d(x, 3, 2, 1, count_include_pad=False) if number else x
            outputs.append(outputs_of(blocks.children(), x))
        return DiscriminatorOutput(logits=[each[-1] for each in outputs], features=[each[:-1] for each in outputs])


def _patches(channels: int, layers: int, width: int) -> nn.ModuleList:
    """One scale: blocks of kernel 4 and border 2, of which `layers` have stride 2, the last giving the logits."""
    widths = [min(width * 2**i, MAX_CHANNELS) for i in range(layers + 1)]
    blocks = [nn.Sequential(_convolution(channels, width, stride=2), nn.LeakyReLU(0.2))]
    for number, (less, more) in enumerate(itertools.pairwise(widths), 1):
        convolution = _convolution(less, more, stride=2 if number < layers else 1)
        blocks.append(nn.Sequential(convolution, nn.InstanceNorm2d(more), nn.LeakyReLU(0.2)))
    return nn.ModuleList([*blocks, nn.Sequential(_convolution(widths[-1], 1, stride=1))])


def _convolution(less: int, more: int, *, stride: int) -> nn.Conv2d:
    return nn.Conv2d(less, more, 4, stride=stride, padding=2)
