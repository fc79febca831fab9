"""Layers that take another form inside a block of code; outside of it, and in what is saved, nothing has changed."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import TracebackType

import torch
from torch import Tensor, nn

from imtrans.kit.nn import BatchNorm

Forms = Mapping[type[nn.Module], Callable[..., Tensor]]

_DTYPES = (torch.float32, torch.float64, torch.bfloat16)


class FastLayers:
    """A block, which may be entered again and again, in which layers of `modules` on the CPU take these forms: for each
    type of layer a function of the layer and its arguments. Networks that are compiled are left to the compiler."""

    def __init__(self, modules: Iterable[nn.Module], forms: Forms) -> None:
        eager = [module for module in modules if module._compiled_call_impl is None]
        # Networks may share layers.
        shared = {layer for module in eager for layer in module.modules() if type(layer) in forms and is_plain(layer)}
        self._forwards = {layer: partial(forms[type(layer)], layer) for layer in shared}

    def __len__(self) -> int:
        """How many layers change."""
        return len(self._forwards)

    def __enter__(self) -> None:
        for layer, forward in self._forwards.items():
            layer.forward = forward

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for layer in self._forwards:
            del layer.forward  # the method of its class is seen again


def is_plain(layer: nn.Module) -> bool:
    """Whether a layer's sums can be written otherwise, and nothing else has taken its forward."""
    if "forward" in vars(layer):
        return False
    if isinstance(layer, BatchNorm):
        return all(tensor.device.type == "cpu" for tensor in layer.parameters())
    if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Conv3d):
        return False
    weight = layer._parameters.get("weight")  # none where something makes it anew at each call
    is_simple = layer.groups == 1 and layer.padding_mode == "zeros" and isinstance(layer.padding, tuple)
    return weight is not None and weight.device.type == "cpu" and weight.dtype in _DTYPES and is_simple
