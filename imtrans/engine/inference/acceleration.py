"""A model that has been loaded: moved, in another precision, with its batch norms folded into convolutions."""

import dataclasses
import threading
import warnings
from typing import Literal, Self, get_args

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from imtrans.engine import device as devices
from imtrans.engine.build import Model
from imtrans.engine.fast_layers.folding import batch_norms, fold_norms
from imtrans.engine.inference.forward import inference_mode, take_averages, translate
from imtrans.engine.speedups import has_bf16
from imtrans.errors import ConfigError, ImtransWarning

Precision = Literal["float32", "bf16"]


class LoadedModel:
    """A trained model that can be moved, and made faster for good."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.precision: Precision = "float32"
        self._lock = threading.Lock()  # modes, averaged weights and random numbers of a model are its state

    def to(self, device: str) -> Self:
        """The same, its model moved to a device: "cpu", "cuda", "cuda:1", "mps". ConfigError for another."""
        place = devices.choose(device)
        if self.precision == "bf16":
            _check_bf16(place)
        for network in _modules(self.model):
            network.to(place)
        self.model = dataclasses.replace(self.model, device=place)
        return self

    def half(self) -> Self:
        """The same, its networks in half precision: half the memory, and faster on GPUs."""
        for network in _modules(self.model):
            network.half()
        return self

    def bfloat16(self) -> Self:
        """The same, its networks computing in bfloat16: half the time where the device multiplies it by itself, and
        ConfigError where it does not. Pictures differ by a few levels of 256."""
        _check_bf16(self.model.device)
        with self._lock:
            self.model, self.precision = take_averages(self.model), "bf16"
            _to_bf16(self.model)
        return self

    def fold_norms(self) -> int:
        """Make batch norms part of the convolutions before them, where the policy takes the statistics of training;
        returns how many. Pictures stay the same but for rounding. ImtransWarning says why there is none to fold."""
        with self._lock:
            self.model = take_averages(self.model)
            return _fold(self.model)

    def compile(self) -> None:
        """Compile the networks that translate (torch.compile), and run them once: tens of seconds, and again for the
        first picture of another size. Random draws stay the same. ConfigError where torch cannot compile here."""
        from torch._inductor import config  # a second of imports

        config.fallback_random = True
        with self._lock:
            self.model = take_averages(self.model)
            with inference_mode(self.model, seed=0):
                for network in _translating(self.model):
                    network.compile()
                _try_compiled(self.model, self.precision)

    def accelerated(self, precision: Precision, *, is_fast: bool, is_compiled: bool = False) -> Self:
        """The same, in this precision, with its norms folded where it `is_fast`, compiled where asked for. ConfigError
        for another precision, and where the device cannot do it."""
        if precision not in get_args(Precision):
            raise ConfigError(f"precision {precision!r}: must be one of {', '.join(get_args(Precision))}")
        if is_fast:  # before weights are rounded
            self.fold_norms()
        if precision == "bf16":
            self.bfloat16()
        if is_compiled:
            self.compile()
        return self


def _check_bf16(device: torch.device) -> None:
    """ConfigError where a device does not multiply bfloat16 by itself."""
    if not has_bf16(device):
        what = f"precision bf16: this {device.type} has no instructions for it, so that it would be slower"
        raise ConfigError(what, hint="Leave it at float32.")


def _to_bf16(model: Model) -> None:
    """Put the weights of convolutions and linear layers into bfloat16; under autocast the rest stays as it is."""
    for layer in {layer for network in model.networks.values() for layer in network.modules()}:
        # A weight that is made anew at each call (spectral norm) is converted by autocast.
        if isinstance(layer, _ConvNd | nn.Linear) and "weight" in layer._parameters:
            layer.to(torch.bfloat16)


def _fold(model: Model) -> int:
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
        translate(model, _smallest(model))
    finally:
        for handle in handles:
            handle.remove()
    return [*used]


def _try_compiled(model: Model, precision: Precision) -> None:
    try:
        with torch.autocast(model.device.type, torch.bfloat16, enabled=precision == "bf16"):
            translate(model, _smallest(model))
    except (RuntimeError, ImportError) as error:  # torch has no error class for what lacks: a compiler, its headers
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        hint = "Leave --compile out, or install a C++ compiler (Debian: g++)."
        raise ConfigError(f"the networks cannot be compiled here: {why[:160]}", hint=hint) from None


def _smallest(model: Model) -> Tensor:
    """The smallest picture or volume that the networks take."""
    size = model.method.geometry.strides(model.axes)
    return torch.zeros(1, model.data_spec.source.num_channels, *size, device=model.device)


def _modules(model: Model) -> list[nn.Module]:
    return [*model.networks.values(), *(average.module for average in model.averages.values())]
