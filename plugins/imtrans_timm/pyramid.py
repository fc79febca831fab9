"""What a U-Net needs beside the maps of an encoder: finer ones, and several sizes where all maps have one."""

import math
from collections.abc import Sequence

from torch import Tensor, nn

from imtrans.kit.nn import NormName, norm


class Block(nn.Sequential):
    """Two 3x3 convolutions, each with norm and ReLU; the first one divides the size by `stride`."""

    def __init__(self, inputs: int, outputs: int, *, norm_name: NormName, stride: int = 1) -> None:
        layers: list[nn.Module] = []
        for i, channels in enumerate((inputs, outputs)):
            has_bias = norm_name == "none"  # a norm takes it away again
            step = stride if i == 0 else 1
            layers += [nn.Conv2d(channels, outputs, 3, stride=step, padding=1, bias=has_bias)]
            layers += [*([] if has_bias else [norm(norm_name, outputs)]), nn.ReLU()]
        super().__init__(*layers)


class Stem(nn.Module):
    """Maps of a picture (B, C, H, W) that are finer than an encoder's finest, at 1, 1/2, 1/4 ... of its sides.

    None where the encoder begins at full size; `channels` and `reductions` are those of the maps.
    """

    def __init__(self, in_channels: int, *, finest: float, width: int, norm_name: NormName) -> None:
        super().__init__()
        count = max(0, math.ceil(math.log2(finest)))
        self.reductions = [float(2**i) for i in range(count)]
        self.channels = [width * min(2**i, 8) for i in range(count)]
        inputs = [in_channels, *self.channels[:-1]]
        self.blocks = nn.ModuleList(
            Block(i, o, norm_name=norm_name, stride=1 if number == 0 else 2)
            for number, (i, o) in enumerate(zip(inputs, self.channels, strict=False))
        )

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """The maps, from the finest on."""
        maps = []
        for block in self.blocks:
            pictures = block(pictures)
            maps.append(pictures)
        return maps


class SizePyramid(nn.Module):
    """Maps of one size as maps of sizes doubled from the last to the first (Li et al. 2022, section 3, of all depths).

    Each doubling is a transposed convolution that halves the channels. Maps of different sizes are left as they are.
    """

    def __init__(self, channels: Sequence[int], reductions: Sequence[int], *, norm_name: NormName) -> None:
        super().__init__()
        is_single = len(channels) > 1 and len(set(reductions)) == 1 and reductions[0] > 1
        doublings = [len(channels) - 1 - i if is_single else 0 for i in range(len(channels))]
        self.channels = [c // 2**d for c, d in zip(channels, doublings, strict=True)]
        self.reductions = [r / 2**d for r, d in zip(reductions, doublings, strict=True)]
        self.paths = nn.ModuleList(
            nn.Sequential(*(_doubled(c // 2**i, norm_name) for i in range(d)))
            for c, d in zip(channels, doublings, strict=True)
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """The maps, from the finest on."""
        return [path(each) for path, each in zip(self.paths, maps, strict=True)]


def _doubled(channels: int, norm_name: NormName) -> nn.Module:
    layers = [nn.ConvTranspose2d(channels, channels // 2, 2, stride=2), norm(norm_name, channels // 2), nn.ReLU()]
    return nn.Sequential(*layers)
