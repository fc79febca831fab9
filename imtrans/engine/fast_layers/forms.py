"""Convolutions in other forms of the same sums, for the maps on which those of the CPU's library are slow.

A U-Net of 256 pixels spends half of its time in layers of 1 x 1 to 8 x 8 positions, where the library moves more
weights than it multiplies, and in its last layer of three channels. Results differ from those of the layers by rounding
alone.
"""

from collections.abc import Callable
from functools import partial
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LARGE = 1024  # positions from which the layout with channels last is faster


def output_size(layer: nn.Conv2d, x: Tensor) -> tuple[int, int]:
    """Height and width of what a convolution gives of (B, C, H, W)."""
    assert isinstance(layer.padding, tuple)  # so `is_plain` says
    height, width = map(_positions, x.shape[2:], layer.kernel_size, layer.padding, layer.dilation, layer.stride)
    return height, width


def is_doubling(layer: nn.ConvTranspose2d, x: Tensor) -> bool:
    """Whether a transposed convolution is the 4 x 4 one that doubles height and width, on (B, C, H, W)."""
    shape = (layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.output_padding)
    return shape == ((4, 4), (2, 2), (1, 1), (1, 1), (0, 0)) and x.dim() == 4


def conv_as_matrix(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution as one product of matrices for the whole batch, so that the weights are read once."""
    height, width = output_size(layer, x)
    assert isinstance(layer.padding, tuple)
    columns = F.unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
    product = layer.weight.flatten(1) @ columns.transpose(0, 1).flatten(1)
    return with_bias(product.view(-1, len(x), height, width).transpose(0, 1), layer.bias)


def doubling_as_matrix(layer: nn.ConvTranspose2d, x: Tensor) -> Tensor:
    """A transposed convolution 4 x 4 of stride 2 as one product of matrices."""
    height, width = x.shape[2:]
    # Positions times channels: this order reads the weights as they lie.
    product = x.movedim(1, -1).flatten(0, 2) @ layer.weight.flatten(1)
    columns = product.view(len(x), height * width, -1).transpose(1, 2)
    return with_bias(F.fold(columns, (2 * height, 2 * width), 4, padding=1, stride=2), layer.bias)


def doubling_by_phases(layer: nn.ConvTranspose2d, x: Tensor) -> Tensor:
    """A transposed convolution 4 x 4 of stride 2 as one over the four phases: output (2i + a, 2j + b) is a 2 x 2
    convolution around (i, j) with the weights (3 - a, 1 - a) and (3 - b, 1 - b)."""
    weight, (batch, _, height, width) = layer.weight, x.shape
    phases = weight.view(*weight.shape[:2], 2, 2, 2, 2).flip(2, 4)  # row 2u + a': from the last u, and a' = 1 - a
    kernels = phases.permute(3, 5, 1, 0, 2, 4).flip(0, 1).flatten(0, 2)
    layout = torch.channels_last
    y = F.conv2d(x.contiguous(memory_format=layout), kernels.contiguous(memory_format=layout), padding=1)
    y = y.view(batch, 2, 2, -1, height + 1, width + 1)
    out = x.new_empty(batch, weight.shape[1], height, 2, width, 2)
    for a in (0, 1):
        for b in (0, 1):
            out[:, :, :, a, :, b] = y[:, a, b, :, a : a + height, b : b + width]
    return with_bias(out.view(batch, -1, 2 * height, 2 * width), layer.bias)


def doubling_one_by_one(layer: nn.ConvTranspose2d, x: Tensor) -> Tensor:
    """The same as a product of matrices for each picture by itself, whose columns then stay in the CPU's cache."""
    return torch.cat([doubling_as_matrix(layer, one) for one in x.chunk(len(x))])


def conv_in_layout(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution with channels last where the map is large, else with channels first."""
    convolution = partial(F.conv2d, stride=layer.stride, padding=layer.padding, dilation=layer.dilation)
    return _in_layout(x, convolution, layer, least=LARGE)


def conv_by_library(layer: nn.Conv3d, x: Tensor) -> Tensor:
    """A convolution of volumes by oneDNN, also where torch would not ask it."""
    shape = (layer.padding, layer.stride, layer.dilation, layer.groups)
    by_library: Tensor = torch.ops.aten.mkldnn_convolution(x.contiguous(), layer.weight, layer.bias, *shape)
    return by_library


def doubling_in_layout(layer: nn.ConvTranspose2d, x: Tensor, *, least: int = LARGE) -> Tensor:
    """A transposed convolution 4 x 4 of stride 2, likewise, from `least` positions on."""
    return _in_layout(x, partial(F.conv_transpose2d, stride=2, padding=1), layer, least=least)


def with_bias(y: Tensor, bias: Tensor | None) -> Tensor:
    """(B, C, H, W) with a bias (C,) added, if there is one."""
    return y if bias is None else y + bias.view(1, -1, 1, 1)


def _positions(size: int, kernel: int, padding: int, dilation: int, stride: int) -> int:
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _in_layout(
    x: Tensor, convolution: Callable[..., Tensor], layer: nn.Conv2d | nn.ConvTranspose2d, *, least: int
) -> Tensor:
    layout = torch.channels_last if prod(x.shape[2:]) >= least else torch.contiguous_format
    weight = layer.weight.contiguous(memory_format=layout)
    return convolution(x.contiguous(memory_format=layout), weight, layer.bias)
