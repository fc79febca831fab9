"""The generators of pix2pixHD (Wang et al. 2018, section 3.1): a global one, and an enhancer of twice its size."""

import itertools
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from imtrans.interfaces import Context
from imtrans.kit.nn import initialise


class GlobalGenerator(nn.Module):
    """Residual blocks between `downs` downsampling and as many upsampling stages.

    (B, source_channels, H, W) to (B, target_channels, H, W) in (-1, 1); H and W multiples of 2 ** downs. Its layers
    are `trunk` and `last`: a `LocalEnhancer` has the same trunk, under the same names.
    """

    def __init__(
        self, source_channels: int, target_channels: int, *, width: int, downs: int, blocks: int, init_std: float
    ) -> None:
        super().__init__()
        self.stride = 2**downs
        self.trunk = trunk(source_channels, width=width, downs=downs, blocks=blocks)
        self.last = to_picture(width, target_channels)
        initialise(self, std=init_std)

    def forward(self, source: Tensor) -> Tensor:
        """The translation."""
        translated: Tensor = self.last(self.trunk(source))
        return translated


class LocalEnhancer(nn.Module):
    """A shallow network at full size, to which the features of a global trunk at half the size are added.

    Sizes are multiples of 2 ** (downs + 1); `width` is that of the trunk, twice that of the enhancer.
    """

    def __init__(
        self,
        source_channels: int,
        target_channels: int,
        *,
        width: int,
        downs: int,
        blocks: int,
        local_blocks: int,
        init_std: float,
    ) -> None:
        super().__init__()
        self.stride = 2 ** (downs + 1)
        self.trunk = trunk(source_channels, width=width, downs=downs, blocks=blocks)
        self.down = nn.Sequential(*from_picture(source_channels, width // 2), *_normed(_down(width // 2, width), width))
        self.up = nn.Sequential(
            *(Residual(width) for _ in range(local_blocks)), *_normed(_up(width, width // 2), width // 2)
        )
        self.last = to_picture(width // 2, target_channels)
        initialise(self, std=init_std)

    def forward(self, source: Tensor) -> Tensor:
        """The translation."""
        coarse = self.trunk(avg_pool2d(source, 3, 2, 1, count_include_pad=False))
        translated: Tensor = self.last(self.up(self.down(source) + coarse))
        return translated

    def parameter_groups(self) -> Mapping[str, Iterable[nn.Parameter]]:
        """The trunk by itself, so that it can have another learning rate, or wait."""
        return {"global": self.trunk.parameters()}


class Residual(nn.Module):
    """Two convolutions whose sum with their input is passed on."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect") for _ in range(2))
        self.layers = nn.Sequential(*_normed(first, channels), second, nn.InstanceNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) in and out."""
        return torch.add(x, self.layers(x))


def global_generator(*, context: Context, **options: float) -> GlobalGenerator:
    """The generator that the options describe, for the channels of the data."""
    spec = context.data_spec
    return GlobalGenerator(spec.source.num_channels, spec.target.num_channels, **options)  # type: ignore[arg-type]


def local_enhancer(*, context: Context, **options: float) -> LocalEnhancer:
    """The same for the enhancer."""
    spec = context.data_spec
    return LocalEnhancer(spec.source.num_channels, spec.target.num_channels, **options)  # type: ignore[arg-type]


def trunk(channels: int, *, width: int, downs: int, blocks: int) -> nn.Sequential:
    """All of a global generator but its last layer: (B, channels, H, W) to (B, width, H, W)."""
    widths = [width * 2**i for i in range(downs + 1)]
    layers = from_picture(channels, width)
    for less, more in itertools.pairwise(widths):
        layers += _normed(_down(less, more), more)
    layers += [Residual(widths[-1]) for _ in range(blocks)]
    for less, more in zip(widths[-2::-1], widths[:0:-1], strict=True):
        layers += _normed(_up(more, less), less)
    return nn.Sequential(*layers)


def from_picture(channels: int, width: int) -> list[nn.Module]:
    """The first layer: 7 x 7 pixels, reflected at the border."""
    return _normed(nn.Conv2d(channels, width, 7, padding=3, padding_mode="reflect"), width)


def to_picture(width: int, channels: int) -> nn.Sequential:
    """The last layer: 7 x 7 pixels, to (-1, 1)."""
    return nn.Sequential(nn.Conv2d(width, channels, 7, padding=3, padding_mode="reflect"), nn.Tanh())


def _down(less: int, more: int) -> nn.Module:
    return nn.Conv2d(less, more, 3, stride=2, padding=1)


def _up(more: int, less: int) -> nn.Module:
    return nn.ConvTranspose2d(more, less, 3, stride=2, padding=1, output_padding=1)


def _normed(convolution: nn.Module, channels: int) -> list[nn.Module]:
    # The norm has no weight and bias of its own, and cancels the convolution's; the paper's code has that all the same.
    return [convolution, nn.InstanceNorm2d(channels), nn.ReLU()]
