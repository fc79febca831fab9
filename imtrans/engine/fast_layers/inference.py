"""The form of each convolution that is fastest for translating on the CPU, picture by picture."""

from collections.abc import Iterable
from math import prod

from torch import Tensor, nn

from imtrans.engine.fast_layers import forms
from imtrans.engine.fast_layers.patch import FastLayers

SMALL = 64  # positions of a map: up to here a convolution is a product of matrices
FEW = 4  # output channels of a transposed convolution that is made of one over the four phases


def for_inference(modules: Iterable[nn.Module]) -> FastLayers:
    """A block in which the convolutions of `modules` translate fastest."""
    return FastLayers(modules, {nn.Conv2d: _conv, nn.ConvTranspose2d: _transposed})


def _conv(layer: nn.Conv2d, x: Tensor) -> Tensor:
    if x.dim() != 4:
        return nn.Conv2d.forward(layer, x)
    is_small = prod(forms.output_size(layer, x)) <= SMALL
    return forms.conv_as_matrix(layer, x) if is_small else forms.conv_in_layout(layer, x)


def _transposed(layer: nn.ConvTranspose2d, x: Tensor, output_size: list[int] | None = None) -> Tensor:
    if output_size or not forms.is_doubling(layer, x):
        return nn.ConvTranspose2d.forward(layer, x, output_size)
    if layer.out_channels <= FEW:
        return forms.doubling_by_phases(layer, x)
    is_small = prod(x.shape[2:]) <= SMALL
    return forms.doubling_as_matrix(layer, x) if is_small else forms.doubling_in_layout(layer, x)
