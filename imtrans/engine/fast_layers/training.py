"""The form of each convolution that is fastest for a training step on the CPU."""

from collections.abc import Iterable
from functools import partial
from math import prod

import torch
from torch import Tensor, nn

from imtrans.engine.fast_layers import forms
from imtrans.engine.fast_layers.patch import FastLayers, Forms
from imtrans.kit.nn import BatchNorm

# Columns of the product, over the whole batch, up to which it is faster, with its gradients, than the layer. Matrices
# of bfloat16 are multiplied as fast as maps are convolved, those of float32 at half that speed.
COLUMNS = {torch.bfloat16: 256}
# Of the rows of weights: so many columns pay where the layer has no stride, or is transposed (0.3 did, 0.45 did not).
SHARE = 3 / 8


def for_training(modules: Iterable[nn.Module], *, columns: int | None = None) -> FastLayers:
    """A block in which the convolutions of `modules` train fastest; `columns` instead of what the precision decides."""
    made: Forms = {
        nn.Conv2d: partial(_conv, columns),
        nn.ConvTranspose2d: partial(_transposed, columns),
        BatchNorm: _norm,
    }
    return FastLayers(modules, made)


def _conv(columns: int | None, layer: nn.Conv2d, x: Tensor) -> Tensor:
    # What the layer loses is its weights' reordering, which takes the longest for gradients of a stride.
    rows = layer.out_channels if max(layer.stride) > 1 else SHARE * layer.out_channels
    if x.dim() == 4 and _is_small(columns, len(x) * prod(forms.output_size(layer, x)), rows, x):
        return forms.conv_as_matrix(layer, x)
    return nn.Conv2d.forward(layer, x)


def _transposed(
    columns: int | None, layer: nn.ConvTranspose2d, x: Tensor, output_size: list[int] | None = None
) -> Tensor:
    is_plain = not output_size and forms.is_doubling(layer, x)
    if is_plain and _is_small(columns, len(x) * prod(x.shape[2:]), SHARE * layer.in_channels, x):
        return forms.doubling_as_matrix(layer, x)
    return nn.ConvTranspose2d.forward(layer, x, output_size)


def _norm(layer: BatchNorm, x: Tensor) -> Tensor:
    """A batch norm whose gradient comes in one piece: a skip's is a part of that of both, with gaps between pictures,
    for which torch's kernel of bfloat16 takes up to ten times as long."""
    y = BatchNorm.forward(layer, x)
    if len(x) > 1 and y.requires_grad and y.is_contiguous():
        y.register_hook(Tensor.contiguous)  # type: ignore[no-untyped-call]
    return y


def _is_small(columns: int | None, count: int, rows: float, x: Tensor) -> bool:
    """Whether a product pays: few columns, and not more than the weights have such rows."""
    return count <= min(_limit(x) if columns is None else columns, rows)


def _limit(x: Tensor) -> int:
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
    # In float32 one column would pay, too, but the bits of such a product follow from where its factors lie in memory
    # (MKL): a resumed run would not end as the run itself.
    return COLUMNS.get(dtype, 0)
