"""What makes a model translate faster for good: weights in bfloat16, batch norms folded into convolutions."""

import warnings
from typing import Literal

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from imtrans.engine.build import Model
from imtrans.engine.fast_layers.folding import batch_norms, fold_norms
from imtrans.engine.inference.forward import inference_mode, translate
from imtrans.engine.speedups import has_bf16
from imtrans.errors import ConfigError, ImtransWarning

Precision = Literal["float32", "bf16"]


def check_bf16(device: torch.device) -> None:
    """ConfigError where a device does not multiply bfloat16 by itself."""
    if not has_bf16(device):
        what = f"precision bf16: this {device.type} has no instructions for it, so that it would be slower"
        raise ConfigError(what, hint="Leave it at float32.")


def to_bf16(model: Model) -> None:
    """Put the weights of convolutions and linear layers into bfloat16; under autocast the rest stays as it is."""
    for layer in {layer for network in model.networks.values() for layer in network.modules()}:
        # A weight that is made anew at each call (spectral norm) is converted by autocast.
        if isinstance(layer, _ConvNd | nn.Linear) and "weight" in layer._parameters:
            layer.to(torch.bfloat16)


def fold(model: Model) -> int:
    """Fold the batch norms of the networks that translate where the policy takes the statistics of training; returns
    how many. ImtransWarning where there is nothing to fold, and why."""
    with inference_mode(model, seed=0):
        networks = _translating(model)
    if getattr(model.config.inference, "norm", "batch") != "running" and batch_norms(networks):
        why = "norms take each picture's own statistics by the inference policy (inference.norm=batch)"
        hint = "with inference.norm=running they could be folded, and pictures would be others"
        warnings.warn(f"nothing is folded: {why}; {hint}", ImtransWarning, stacklevel=3)
        return 0
    if not (count := fold_norms(networks)):
        what = "nothing is folded: no batch norm with statistics of training follows a convolution in this model"
        warnings.warn(what, ImtransWarning, stacklevel=3)
    return count


def _translating(model: Model) -> list[nn.Module]:
    """The networks that a translation uses: not the discriminators, nor the way back of a CycleGAN."""
    used: dict[nn.Module, None] = {}
    networks = model.networks.values()
    handles = [network.register_forward_pre_hook(lambda network, _: used.setdefault(network)) for network in networks]
    try:
        translate(model, torch.zeros(1, model.data_spec.source.num_channels, *_least(model), device=model.device))
    finally:
        for handle in handles:
            handle.remove()
    return [*used]


def _least(model: Model) -> list[int]:
    """The smallest spatial size, of as many dimensions as the convolutions have."""
    layers = (layer for network in model.networks.values() for layer in network.modules())
    dimensions = next((layer.weight.dim() - 2 for layer in layers if isinstance(layer, _ConvNd)), 2)
    return [model.method.geometry.stride] * dimensions
