"""Layers as exporters write them rightly: the inference policy said by the layers themselves, not by their modes."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.utils import parametrize

from imtrans.engine.export.noise import SeededDropout, Seeds, seeded
from imtrans.errors import ConfigError
from imtrans.kit.nn import BatchNorm, InstanceNorm


class OwnStatistics(nn.Module):
    """A norm by the statistics of each picture and channel alone, of any number of spatial dimensions.

    It is what batch norm by the batch's statistics gives for a single picture: exporters would write batch norm in
    training mode with its running statistics, without a warning.
    """

    def __init__(self, layer: "_NormBase | InstanceNorm") -> None:
        super().__init__()
        self.eps, self.weight, self.bias = layer.eps, layer.weight, layer.bias

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *spatial) in and out."""
        # Not functional.instance_norm, whose check of the size would become a condition of the exported program.
        return torch.instance_norm(x, self.weight, self.bias, None, None, True, 0.0, self.eps, False)


def make_explicit(networks: Iterable[nn.Module], *, norm: str, dropout: bool, seeds: Seeds) -> int:
    """Replace, in place, what depends on a mode; `norm` and `dropout` as in `imtrans.kit.nn.inference`.

    Returns the number of dropout layers that are on. ConfigError names a layer that cannot be exported.
    """
    parents = [parent for network in networks for parent in network.modules()]
    count = 0
    for parent in parents:
        for name, layer in parent.named_children():
            replaced = _explicit(layer, norm=norm, dropout=dropout, number=count + 1, seeds=seeds)
            count += isinstance(replaced, SeededDropout)
            setattr(parent, name, replaced)
        if parametrize.is_parametrized(parent):  # spectral norm: the weight that it gives, once and for all
            for name in list(parent.parametrizations):  # type: ignore[arg-type]
                parametrize.remove_parametrizations(parent, name, leave_parametrized=True)
    return count


def _explicit(layer: nn.Module, *, norm: str, dropout: bool, number: int, seeds: Seeds) -> nn.Module:
    if isinstance(layer, _DropoutNd):
        return seeded(layer, layer=number, seeds=seeds) if dropout and layer.p else nn.Identity()
    if isinstance(layer, InstanceNorm):
        return OwnStatistics(layer)
    if isinstance(layer, _NormBase) and (norm == "batch" or layer.running_mean is None):
        if type(layer).forward not in (BatchNorm.forward, _BatchNorm.forward, _InstanceNorm.forward):
            raise ConfigError(
                f"{type(layer).__name__}: no exported file can have the picture's own statistics in this norm layer",
                hint="Export with those of training: --set inference.norm=running",
            )
        return OwnStatistics(layer)
    return layer
