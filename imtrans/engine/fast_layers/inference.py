"""The form of each convolution that is fastest for translating on the CPU, picture by picture.

Measured on the paper's networks at 256 pixels; with weights in bfloat16 other forms are the fastest.
"""

from collections.abc import Iterable
from functools import partial
from math import prod

import torch
from torch import Tensor, nn

from imtrans.engine.fast_layers import forms
from imtrans.engine.fast_layers.packed import PackedWeights, can_pack
from imtrans.engine.fast_layers.patch import FastLayers

SMALL = 64  # positions of a map: up to here a convolution is a product of matrices
FEW = 4  # output channels of a transposed convolution that is made of one over the four phases, or of products


def for_inference(modules: Iterable[nn.Module], packed: PackedWeights | None = None) -> FastLayers:
    """A block in which the convolutions of `modules` translate fastest; with `packed`, which holds their weights from
    call to call, by packed weights where that is possible."""
    made = {nn.Conv2d: partial(_conv, packed), nn.ConvTranspose2d: partial(_transposed, packed)}
    return FastLayers(modules, {**made, nn.Conv3d: _conv_of_volume})


def _conv(packed: PackedWeights | None, layer: nn.Conv2d, x: Tensor) -> Tensor:
    if packed and can_pack(layer, x):
        return packed.conv(layer, x)
    if x.dim() != 4:
        return nn.Conv2d.forward(layer, x)
    if prod(forms.output_size(layer, x)) <= SMALL:
        return forms.conv_as_matrix(layer, x)
    # In bfloat16 a layout with channels last takes up to twice as long where there is a stride.
    return nn.Conv2d.forward(layer, x) if _is_half(layer) else forms.conv_in_layout(layer, x)


def _conv_of_volume(layer: nn.Conv3d, x: Tensor) -> Tensor:
    # For few channels torch writes each voxel 27 times, which takes more time and several times the memory.
    is_float = x.dtype == layer.weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    has_library = torch._C._has_mkldnn and torch.backends.mkldnn.enabled
    return forms.conv_by_library(layer, x) if x.dim() == 5 and is_float and has_library else nn.Conv3d.forward(layer, x)


def _transposed(
    packed: PackedWeights | None, layer: nn.ConvTranspose2d, x: Tensor, output_size: list[int] | None = None
) -> Tensor:
    if packed and not output_size and layer.out_channels > FEW and can_pack(layer, x):
        return packed.transposed(layer, x)
    if output_size or not forms.is_doubling(layer, x):
        return nn.ConvTranspose2d.forward(layer, x, output_size)
    is_half = _is_half(layer)
    if layer.out_channels <= FEW:
        return forms.doubling_one_by_one(layer, x) if is_half else forms.doubling_by_phases(layer, x)
    if prod(x.shape[2:]) <= SMALL:
        return forms.doubling_as_matrix(layer, x)
    return forms.doubling_in_layout(layer, x, least=0 if is_half else forms.LARGE)


def _is_half(layer: nn.Module) -> bool:
    return layer.weight.dtype == torch.bfloat16
