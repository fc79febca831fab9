"""Batch norms by the statistics of training as part of the convolutions before them."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from imtrans.kit.nn import BatchNorm

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_NORMS = (BatchNorm.forward, _BatchNorm.forward)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")


def batch_norms(modules: Iterable[nn.Module]) -> list[_BatchNorm]:
    """The batch norms of modules, each once."""
    layers = dict.fromkeys(layer for module in modules for layer in module.modules())
    return [layer for layer in layers if isinstance(layer, _BatchNorm)]


@torch.no_grad()
def fold_norms(modules: Iterable[nn.Module]) -> int:
    """Fold, in place, each batch norm that follows a convolution in an `nn.Sequential`; returns how many.

    What the modules give with the statistics of training stays the same but for rounding; they cannot be trained any
    more. A layer in several places, or with a hook or a parametrisation, is left, and so is its norm.
    """
    parents = dict.fromkeys(parent for module in modules for parent in module.modules())
    places = Counter(child for parent in parents for child in parent._modules.values())
    count = 0
    for parent in parents:
        # What lies between two layers of a Sequential goes nowhere else.
        if type(parent) is not nn.Sequential:
            continue
        for (_, before), (name, norm) in pairwise(list(parent._modules.items())):
            layer = _last(before, places)
            if places[layer] == places[norm] == 1 and _is_convolution(layer) and _is_foldable(norm):
                _fold(layer, norm)
                parent._modules[name] = nn.Identity()
                count += 1
    return count


def _last(layer: nn.Module | None, places: Counter[nn.Module | None]) -> nn.Module | None:
    """The layer that gives the output: of a Sequential within, such as a resize and a convolution, its last."""
    while type(layer) is nn.Sequential and len(layer) and places[layer] == 1 and _is_untouched(layer):
        layer = layer[-1]
    return layer


def _is_convolution(layer: nn.Module | None) -> TypeGuard[_ConvNd]:
    if layer is None or type(layer) not in _CONVOLUTIONS:
        return False
    return "weight" in layer._parameters and _is_untouched(layer)


def _is_foldable(norm: nn.Module | None) -> TypeGuard[_BatchNorm]:
    if not isinstance(norm, _BatchNorm) or norm.running_mean is None:
        return False
    return type(norm).forward in _NORMS and _is_untouched(norm)


def _is_untouched(layer: nn.Module) -> bool:
    return "forward" not in vars(layer) and not any(getattr(layer, hooks) for hooks in _HOOKS)


def _fold(layer: _ConvNd, norm: _BatchNorm) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    # In double precision, so that the weights are rounded once.
    scale = (norm.running_var.double() + norm.eps).rsqrt()
    scale = scale if norm.weight is None else scale * norm.weight.double()
    shift = -norm.running_mean.double() * scale
    shift = shift if norm.bias is None else shift + norm.bias.double()
    shift = shift if layer.bias is None else shift + layer.bias.double() * scale
    weight = layer.weight.double() * _of_outputs(scale, layer)
    layer.weight = nn.Parameter(weight.to(layer.weight.dtype), requires_grad=False)
    layer.bias = nn.Parameter(shift.to(layer.weight.dtype), requires_grad=False)


def _of_outputs(scale: Tensor, layer: _ConvNd) -> Tensor:
    """A number for each output channel, as it goes with the weights."""
    each = [1] * (layer.weight.dim() - 2)
    if not isinstance(layer, _ConvTransposeNd):
        return scale.view(-1, 1, *each)
    # (inputs, outputs of a group, ...): a group has its own inputs and outputs.
    inputs = layer.in_channels // layer.groups
    return scale.view(layer.groups, -1).repeat_interleave(inputs, 0).view(layer.in_channels, -1, *each)
