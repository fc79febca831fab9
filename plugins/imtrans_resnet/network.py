"""The residual generator of CycleGAN."""

from functools import partial
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn import functional

from imtrans.interfaces import Context
from imtrans.kit.nn import BatchNorm, BlurDown, InitType, initialise


def resnet(*, context: Context, **options: Any) -> "Resnet":
    """The network that the options describe, for the channels of the data."""
    return Resnet(context.data_spec.source.num_channels, context.data_spec.target.num_channels, **options)


class Resnet(nn.Module):
    """Residual blocks between downsampling and upsampling stages, two in the papers (Johnson et al. 2016; Zhu et al.
    2017, 7.2).

    (B, source_channels, H, W) float32 to (B, target_channels, H, W) in (-1, 1); H and W multiples of 2 ** `downs`, at
    least twice as much. Layers in order: `first`, `down`, `blocks`, `up`, `last`. With `antialias` (Park et al. 2020)
    sizes are halved by a blur of [1, 2, 1] after a convolution, and doubled by one of [1, 3, 3, 1] before it, unless
    `antialias_stages` names one of the two alone; the weights are as many, and have the same names.
    """

    def __init__(
        self,
        source_channels: int = 3,
        target_channels: int = 3,
        *,
        blocks: int = 9,
        width: int = 64,
        norm: Literal["instance", "batch", "none"] = "instance",
        bias: Literal["everywhere", "no-norm"] = "everywhere",
        padding: Literal["reflect", "zero"] = "reflect",
        dropout: float = 0.0,
        antialias: bool = False,
        downs: int = 2,
        antialias_stages: Literal["both", "down", "up"] = "both",
        init_type: InitType = "normal",
        init_std: float = 0.02,
    ) -> None:
        super().__init__()
        mode: Literal["reflect", "zeros"] = "reflect" if padding == "reflect" else "zeros"
        # A norm layer cancels the bias before it; CycleGAN's code has it all the same, and its checkpoints hold it.
        has_bias, bordered = bias == "everywhere" or norm == "none", partial(nn.Conv2d, padding_mode=mode)

        def layer(convolution: nn.Module, channels: int) -> nn.Sequential:
            return nn.Sequential(convolution, _norm(norm, channels), nn.ReLU())

        def block(channels: int) -> nn.Sequential:
            first, second = (bordered(channels, channels, 3, padding=1, bias=has_bias) for _ in range(2))
            drop = [nn.Dropout(dropout)] if dropout else []
            return nn.Sequential(*layer(first, channels), *drop, second, _norm(norm, channels))

        smooth_down, smooth_up = (antialias and antialias_stages in ("both", stage) for stage in ("down", "up"))
        self.border = mode.replace("zeros", "constant")
        self.first = layer(bordered(source_channels, width, 7, padding=3, bias=has_bias), width)
        self.stride, widths = 2**downs, [width * 2**n for n in range(downs)]
        halved = (layer(_down(w, 2 * w, bias=has_bias, is_smooth=smooth_down), 2 * w) for w in widths)
        self.down = nn.ModuleList(nn.Sequential(*down, *([BlurDown()] if smooth_down else [])) for down in halved)
        self.blocks = nn.ModuleList(block(width * self.stride) for _ in range(blocks))
        self.up = nn.ModuleList(layer(_up(2 * w, w, bias=has_bias, is_smooth=smooth_up), w) for w in widths[::-1])
        self.last = nn.Sequential(bordered(width, target_channels, 7, padding=3), nn.Tanh())
        initialise(self, std=init_std, init_type=init_type)

    def forward(self, source: Tensor) -> Tensor:
        """The translation, (B, target_channels, H, W), in (-1, 1)."""
        x: Tensor = self.first(source)
        for down in self.down:
            x = down(x)
        for block in self.blocks:
            x = x + block(x)  # no ReLU after the sum, unlike He et al. 2016 (Johnson et al., supplement)
        for up in self.up:
            x = up(x)
        translated: Tensor = self.last(x)
        return translated

    def features(self, source: Tensor) -> list[Tensor]:
        """The maps whose patches CUT compares (Park et al. 2020): the padded picture, the convolutions of the
        downsampling stages, and the first and the fifth block, as far as there are so many."""
        x: Tensor = self.first(source)
        maps = [functional.pad(source, (3, 3, 3, 3), mode=self.border)]
        for down in self.down:
            convolution, *rest = down.children()
            x = convolution(x)
            maps.append(x)
            for layer in rest:
                x = layer(x)
        for number, block in enumerate(self.blocks[:5]):
            x = x + block(x)
            maps += [x] if number in (0, 4) else []
        return maps


class SmoothUpConv(nn.Conv2d):
    """A convolution after twice the size, by a blur of [1, 3, 3, 1]: that is bilinear interpolation."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', 2 H, 2 W)."""
        return super().forward(functional.interpolate(input, scale_factor=2, mode="bilinear", align_corners=False))


def _down(inputs: int, outputs: int, *, bias: bool, is_smooth: bool) -> nn.Module:
    return nn.Conv2d(inputs, outputs, 3, stride=1 if is_smooth else 2, padding=1, bias=bias)


def _up(inputs: int, outputs: int, *, bias: bool, is_smooth: bool) -> nn.Module:
    if is_smooth:
        return SmoothUpConv(inputs, outputs, 3, padding=1, bias=bias)
    return nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1, bias=bias)


def _norm(name: Literal["instance", "batch", "none"], channels: int) -> nn.Module:
    # torch's InstanceNorm2d has no learned weight and bias by default, as in CycleGAN.
    kinds = {"instance": nn.InstanceNorm2d, "batch": BatchNorm}
    return kinds[name](channels) if name != "none" else nn.Identity()
