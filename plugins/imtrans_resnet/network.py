"""The residual generator of CycleGAN."""

from typing import Any, Literal

from torch import Tensor, nn

from imtrans.interfaces import Context
from imtrans.kit.nn import BatchNorm, initialise


def resnet(*, context: Context, **options: Any) -> "Resnet":
    """The network that the options describe, for the channels of the data."""
    return Resnet(context.data_spec.source.num_channels, context.data_spec.target.num_channels, **options)


class Resnet(nn.Module):
    """Residual blocks between two downsampling and two upsampling stages (Johnson et al. 2016; Zhu et al. 2017, 7.2).

    (B, source_channels, H, W) float32 to (B, target_channels, H, W) in (-1, 1); H and W multiples of 4, at least 8.
    Layers in order: `first`, two of `down`, `blocks`, two of `up`, `last`.
    """

    stride = 4

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
        init_std: float = 0.02,
    ) -> None:
        super().__init__()
        mode: Literal["reflect", "zeros"] = "reflect" if padding == "reflect" else "zeros"
        # A norm layer cancels the bias before it; CycleGAN's code has it all the same, and its checkpoints hold it.
        has_bias = bias == "everywhere" or norm == "none"

        def layer(convolution: nn.Module, channels: int) -> nn.Sequential:
            return nn.Sequential(convolution, _norm(norm, channels), nn.ReLU())

        def block(channels: int) -> nn.Sequential:
            first, second = (
                nn.Conv2d(channels, channels, 3, padding=1, padding_mode=mode, bias=has_bias) for _ in range(2)
            )
            drop = [nn.Dropout(dropout)] if dropout else []
            return nn.Sequential(*layer(first, channels), *drop, second, _norm(norm, channels))

        self.first = layer(nn.Conv2d(source_channels, width, 7, padding=3, padding_mode=mode, bias=has_bias), width)
        self.down = nn.ModuleList(
            layer(nn.Conv2d(w, 2 * w, 3, stride=2, padding=1, bias=has_bias), 2 * w) for w in (width, 2 * width)
        )
        self.blocks = nn.ModuleList(block(4 * width) for _ in range(blocks))
        self.up = nn.ModuleList(
            layer(nn.ConvTranspose2d(2 * w, w, 3, stride=2, padding=1, output_padding=1, bias=has_bias), w)
            for w in (2 * width, width)
        )
        self.last = nn.Sequential(nn.Conv2d(width, target_channels, 7, padding=3, padding_mode=mode), nn.Tanh())
        if init_std:
            initialise(self, std=init_std)

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


def _norm(name: Literal["instance", "batch", "none"], channels: int) -> nn.Module:
    # torch's InstanceNorm2d has no learned weight and bias by default, as in CycleGAN.
    kinds = {"instance": nn.InstanceNorm2d, "batch": BatchNorm}
    return kinds[name](channels) if name != "none" else nn.Identity()
