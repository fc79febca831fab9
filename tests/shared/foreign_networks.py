"""Networks of CycleGAN and CUT as their programs lay them out: flat sequences, whose numbers name the weights.

Written from these facts, and from nothing of imtrans: number, layer, kernel, padding. Smooth sampling is a convolution
with a fixed kernel, a buffer `filt`: [1, 2, 1] over mirrored borders for half the size, [1, 3, 3, 1] over repeated
borders for twice the size.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Numbered(nn.Module):
    """A sequence under the name `model`."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Residual(nn.Module):
    """Pad, convolution, norm, ReLU, perhaps dropout, pad, convolution, norm; added to what came in."""

    def __init__(self, width: int, *, drop: bool) -> None:
        super().__init__()
        first = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width), nn.ReLU()]
        second = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3), nn.InstanceNorm2d(width)]
        self.conv_block = nn.Sequential(*first, *([nn.Dropout(0.5)] if drop else []), *second)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


class Half(nn.Module):
    """Half the size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("filt", torch.outer(row, row).expand(channels, 1, 3, 3).clone())

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(functional.pad(x, (1, 1, 1, 1), "reflect"), self.filt, stride=2, groups=x.shape[1])


class Twice(nn.Module):
    """Twice the size."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
        self.register_buffer("filt", torch.outer(row, row).expand(channels, 1, 4, 4).clone())

    def forward(self, x: Tensor) -> Tensor:
        whole = functional.pad(x, (1, 1, 1, 1), "replicate")
        return functional.conv_transpose2d(whole, self.filt, stride=2, groups=x.shape[1])[..., 3:-3, 3:-3]


def residual_net(
    blocks: int = 9,
    *,
    width: int = 4,
    drop: bool = False,
    smooth_down: bool = False,
    smooth_up: bool = False,
    source: int = 3,
    target: int = 3,
) -> Numbered:
    """Their resnet_*blocks with instance norm."""
    w = width
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(source, w, 7), nn.InstanceNorm2d(w), nn.ReLU()]
    for n in (w, 2 * w):
        layers += [nn.Conv2d(n, 2 * n, 3, 1 if smooth_down else 2, 1), nn.InstanceNorm2d(2 * n), nn.ReLU()]
        layers += [Half(2 * n)] if smooth_down else []
    layers += [Residual(4 * w, drop=drop) for _ in range(blocks)]
    for n in (4 * w, 2 * w):
        if smooth_up:
            layers += [Twice(n), nn.Conv2d(n, n // 2, 3, 1, 1)]
        else:
            layers += [nn.ConvTranspose2d(n, n // 2, 3, 2, 1, output_padding=1)]
        layers += [nn.InstanceNorm2d(n // 2), nn.ReLU()]
    return Numbered(*layers, nn.ReflectionPad2d(3), nn.Conv2d(w, target, 7), nn.Tanh())


def patch_critic(*, width: int = 4, smooth: bool = False, inputs: int = 3) -> Numbered:
    """Their basic discriminator with instance norm."""
    w, step = width, 1 if smooth else 2

    def half(channels: int) -> list[nn.Module]:
        return [Half(channels)] if smooth else []

    layers: list[nn.Module] = [nn.Conv2d(inputs, w, 4, step, 1), nn.LeakyReLU(0.2), *half(w)]
    for n in (w, 2 * w):
        layers += [nn.Conv2d(n, 2 * n, 4, step, 1), nn.InstanceNorm2d(2 * n), nn.LeakyReLU(0.2), *half(2 * n)]
    layers += [nn.Conv2d(4 * w, 8 * w, 4, 1, 1), nn.InstanceNorm2d(8 * w), nn.LeakyReLU(0.2)]
    return Numbered(*layers, nn.Conv2d(8 * w, 1, 4, 1, 1))


def patch_layers(width: int = 4, wide: int = 8) -> nn.Module:
    """CUT's mlp_sample for the five maps of a residual net."""
    network = nn.Module()
    for i, channels in enumerate((3, 2 * width, 4 * width, 4 * width, 4 * width)):
        network.add_module(f"mlp_{i}", nn.Sequential(nn.Linear(channels, wide), nn.ReLU(), nn.Linear(wide, wide)))
    return network


def drawn(network: nn.Module, *, seed: int = 0) -> nn.Module:
    """The network with weights that no default would give."""
    torch.manual_seed(seed)
    for name, value in network.state_dict().items():
        if not name.endswith("filt"):
            value.copy_(torch.randn_like(value) * 0.2)
    return network
