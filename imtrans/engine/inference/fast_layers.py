"""Convolutions in other forms of the same sums, for the maps on which those of the CPU's library are slow.

A U-Net of 256 pixels spends half of its time in layers of 1 x 1 to 8 x 8 positions, where the library moves more
weights than it multiplies, and in its last layer of three channels. Results differ from those of the layers by rounding
alone.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SMALL = 64  # positions of a map: up to here a convolution is a product of matrices
LARGE = 1024  # from here the layout with channels last is faster
FEW = 4  # output channels of a transposed convolution that is made of one over the four phases

_DTYPES = (torch.float32, torch.float64)


@contextmanager
def fast_layers(modules: Iterable[nn.Module]) -> Iterator[None]:
    """A block in which the convolutions of `modules` that are on the CPU take the form that is fastest there."""
    # Networks may share layers.
    layers = {layer for module in modules for layer in module.modules() if type(layer) in _FORMS and _is_plain(layer)}
    for layer in layers:
        layer.forward = partial(_FORMS[type(layer)], layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward  # the method of its class is seen again


def _is_plain(layer: nn.Module) -> bool:
    """Whether nothing else has taken its forward, and its sums can be written otherwise."""
    if "forward" in vars(layer) or not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        return False
    weight = layer._parameters.get("weight")  # none where something makes it anew at each call
    is_simple = layer.groups == 1 and layer.padding_mode == "zeros" and isinstance(layer.padding, tuple)
    return weight is not None and weight.device.type == "cpu" and weight.dtype in _DTYPES and is_simple


def _conv(layer: nn.Conv2d, x: Tensor) -> Tensor:
    if x.dim() != 4:
        return nn.Conv2d.forward(layer, x)
    assert isinstance(layer.padding, tuple)  # so _is_plain says
    height, width = map(_positions, x.shape[2:], layer.kernel_size, layer.padding, layer.dilation, layer.stride)
    if height * width > SMALL:
        return _in_layout(
            x, partial(F.conv2d, stride=layer.stride, padding=layer.padding, dilation=layer.dilation), layer
        )
    columns = F.unfold(x, layer.kernel_size, layer.dilation, layer.padding, layer.stride)
    # One product for the whole batch, so that the weights are read once.
    product = layer.weight.flatten(1) @ columns.transpose(0, 1).flatten(1)
    return _with_bias(product.view(-1, len(x), height, width).transpose(0, 1), layer.bias)


def _positions(size: int, kernel: int, padding: int, dilation: int, stride: int) -> int:
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _transposed(layer: nn.ConvTranspose2d, x: Tensor, output_size: list[int] | None = None) -> Tensor:
    shape = (layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.output_padding)
    if shape != ((4, 4), (2, 2), (1, 1), (1, 1), (0, 0)) or x.dim() != 4 or output_size:
        return nn.ConvTranspose2d.forward(layer, x, output_size)
    height, width = x.shape[2:]
    if layer.out_channels <= FEW:
        return _with_bias(_by_phases(x, layer.weight), layer.bias)
    if height * width > SMALL:
        return _in_layout(x, partial(F.conv_transpose2d, stride=2, padding=1), layer)
    # Positions times channels: this order reads the weights as they lie.
    product = x.movedim(1, -1).flatten(0, 2) @ layer.weight.flatten(1)
    columns = product.view(len(x), height * width, -1).transpose(1, 2)
    return _with_bias(F.fold(columns, (2 * height, 2 * width), 4, padding=1, stride=2), layer.bias)


def _by_phases(x: Tensor, weight: Tensor) -> Tensor:
    """A transposed convolution 4 x 4 of stride 2: output (2i + a, 2j + b) is a 2 x 2 convolution around (i, j) with the
    weights (3 - a, 1 - a) and (3 - b, 1 - b)."""
    batch, _, height, width = x.shape
    phases = weight.view(*weight.shape[:2], 2, 2, 2, 2).flip(2, 4)  # row 2u + a': from the last u, and a' = 1 - a
    kernels = phases.permute(3, 5, 1, 0, 2, 4).flip(0, 1).flatten(0, 2)
    layout = torch.channels_last
    y = F.conv2d(x.contiguous(memory_format=layout), kernels.contiguous(memory_format=layout), padding=1)
    y = y.view(batch, 2, 2, -1, height + 1, width + 1)
    out = x.new_empty(batch, weight.shape[1], height, 2, width, 2)
    for a in (0, 1):
        for b in (0, 1):
            out[:, :, :, a, :, b] = y[:, a, b, :, a : a + height, b : b + width]
    return out.view(batch, -1, 2 * height, 2 * width)


def _in_layout(x: Tensor, convolution: Callable[..., Tensor], layer: nn.Conv2d | nn.ConvTranspose2d) -> Tensor:
    layout = torch.channels_last if x.shape[2] * x.shape[3] >= LARGE else torch.contiguous_format
    weight = layer.weight.contiguous(memory_format=layout)
    return convolution(x.contiguous(memory_format=layout), weight, layer.bias)


def _with_bias(y: Tensor, bias: Tensor | None) -> Tensor:
    return y if bias is None else y + bias.view(1, -1, 1, 1)


_FORMS: dict[type[nn.Module], Callable[..., Tensor]] = {nn.Conv2d: _conv, nn.ConvTranspose2d: _transposed}
