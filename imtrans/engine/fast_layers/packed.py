"""Convolutions whose weights lie as the CPU's library multiplies them.

oneDNN brings weights into blocks at each call, which takes most of the time of a layer of few positions. Here that is
done once.
"""

from math import prod
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from imtrans.engine.fast_layers.forms import LARGE

_NAMES = (
    "_reorder_convolution_weight",
    "_reorder_convolution_transpose_weight",
    "_convolution_pointwise",
    "_convolution_transpose_pointwise",
)
_ALONE: tuple[str, list[float], str] = ("none", [], "")  # no other operation behind it


class _Packed(NamedTuple):
    of: Tensor
    state: tuple[int, int]  # both its version and its memory: averaged weights take the place of trained ones
    weight: Tensor


class PackedWeights:
    """The weights of layers in blocks, made when a layer is first called, and anew when its weights have changed.

    They take the memory of the weights once more.
    """

    def __init__(self) -> None:
        self._made: WeakKeyDictionary[nn.Module, _Packed] = WeakKeyDictionary()

    def conv(self, layer: nn.Conv2d, x: Tensor) -> Tensor:
        """A convolution of (B, C, H, W), which `can_pack`."""
        x = x.to(layer.weight.dtype).contiguous(memory_format=torch.channels_last)
        shape = (layer.padding, layer.stride, layer.dilation, layer.groups)
        weight = self._weight(layer, "_reorder_convolution_weight", (*shape, x.shape))
        return _laid_out(torch.ops.mkldnn._convolution_pointwise(x, weight, layer.bias, *shape, *_ALONE))

    def transposed(self, layer: nn.ConvTranspose2d, x: Tensor) -> Tensor:
        """A transposed convolution of (B, C, H, W), which `can_pack`."""
        x = x.to(layer.weight.dtype).contiguous(memory_format=torch.channels_last)
        shape = (layer.padding, layer.output_padding, layer.stride, layer.dilation, layer.groups)
        weight = self._weight(layer, "_reorder_convolution_transpose_weight", (*shape, x.shape))
        return _laid_out(torch.ops.mkldnn._convolution_transpose_pointwise(x, weight, layer.bias, *shape, *_ALONE))

    def _weight(self, layer: nn.Conv2d | nn.ConvTranspose2d, reorder: str, arguments: tuple[object, ...]) -> Tensor:
        made, weight = self._made.get(layer), layer.weight
        state = weight._version, weight.data_ptr()
        if made is None or made.of is not weight or made.state != state:
            blocks = getattr(torch.ops.mkldnn, reorder)(weight.detach(), *arguments)
            made = self._made[layer] = _Packed(weight, state, blocks)
        return made.weight


def _laid_out(maps: Tensor) -> Tensor:
    """Maps as the library gives them, channels last; small ones channels first, as the layers of torch give them:
    dropout fills its mask in the order of the memory, and a seed would give another picture."""
    return maps if prod(maps.shape[2:]) >= LARGE else maps.contiguous()


def can_pack(layer: nn.Conv2d | nn.ConvTranspose2d, x: Tensor) -> bool:
    """Whether oneDNN takes such a layer and (B, C, H, W), and this torch lets its weights be packed."""
    dtype, is_half = layer.weight.dtype, torch.is_autocast_enabled("cpu")
    is_right = dtype == torch.bfloat16 if is_half else dtype == x.dtype and dtype in (torch.float32, torch.bfloat16)
    return is_right and x.dim() == 4 and x.numel() > 0 and _has_library() and bool(torch.backends.mkldnn.enabled)


def _has_library() -> bool:
    return bool(torch._C._has_mkldnn) and all(hasattr(torch.ops.mkldnn, name) for name in _NAMES)
