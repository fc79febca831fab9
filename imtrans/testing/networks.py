"""Checks of networks: generators, discriminators and activations."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.testing.contract import make, require

if TYPE_CHECKING:
    from torch import Tensor, nn


def check_generator(
    name: str, *, channels: Sequence[tuple[int, int]] = ((3, 3), (1, 3), (6, 2)), size: int = 64, **options: Any
) -> None:
    """A generator keeps the size, gives the target's channels in [-1, 1], learns, and comes back from its state.

    `channels` are pairs of source and target channels; `size` is a size it takes.
    """
    import torch

    for source, target in channels:
        data_spec = DataSpec(source=ImageSpec(channels=source), target=ImageSpec(channels=target))
        torch.manual_seed(0)
        network = make("generator", name, data_spec=data_spec, size=(size,), **options)
        _check_module(network, name)
        given = torch.rand(2, source, size, size + int(getattr(network, "stride", 1))) * 2 - 1
        made = network(given)
        wanted = (2, target, *given.shape[2:])
        require(tuple(made.shape) == wanted, f"{name}: {tuple(given.shape)} became {tuple(made.shape)}, not {wanted}")
        require(made.dtype == torch.float32, f"{name}: the output is {made.dtype}, not float32")
        require(made.abs().max() <= 1, f"{name}: the output leaves [-1, 1]: {float(made.detach().abs().max()):.3g}")
        _check_gradients(network, made.square().mean(), name)
        _check_state(network, lambda other, x=given: other(x), name)


def check_discriminator(name: str, *, size: int = 64, **options: Any) -> None:
    """A discriminator gives a Verdict with finite logits (B, 1, h, w), learns, and comes back from its state."""
    import torch

    from imtrans.interfaces import DiscriminatorOutput

    network = make("discriminator", name, size=(size,), **options)
    _check_module(network, name)
    source, image = torch.rand(2, 3, size, size) * 2 - 1, torch.rand(2, 3, size, size) * 2 - 1
    verdict = network(source, image)
    require(isinstance(verdict, DiscriminatorOutput), f"{name}: gave {type(verdict).__name__}, not a Verdict")
    require(verdict.logits, f"{name}: the verdict has no logits")
    for logits in verdict.logits:
        require(logits.shape[:2] == (2, 1), f"{name}: logits are {tuple(logits.shape)}, not (2, 1, h, w)")
        require(torch.isfinite(logits).all(), f"{name}: logits are not finite")
    _check_gradients(network, torch.stack([x.square().mean() for x in verdict.logits]).sum(), name)


def check_activation(name: str, **options: Any) -> None:
    """An activation is a module that keeps shape and dtype and does not change its input."""
    import torch

    layer = make("activation", name, **options)
    _check_module(layer, name)
    given = torch.linspace(-3, 3, 24).view(2, 3, 2, 2)
    kept = given.clone()
    made = layer(given)
    require(made.shape == given.shape, f"{name}: {tuple(given.shape)} became {tuple(made.shape)}")
    require(made.dtype == given.dtype, f"{name}: {given.dtype} became {made.dtype}")
    require(torch.equal(given, kept), f"{name}: changed its input")


def _check_module(network: Any, name: str) -> None:
    from torch import nn

    require(isinstance(network, nn.Module), f"{name}: gave {type(network).__name__}, not a torch.nn.Module")


def _check_gradients(network: "nn.Module", loss: "Tensor", name: str) -> None:
    import torch

    parameters = {k: p for k, p in network.named_parameters() if p.requires_grad}  # a frozen encoder learns nothing
    gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    for key, gradient in zip(parameters, gradients, strict=True):
        require(gradient is not None, f"{name}: {key} takes no part in the output")
        require(torch.isfinite(gradient).all(), f"{name}: the gradient of {key} is not finite")


def _check_state(network: "nn.Module", call: Any, name: str) -> None:
    import copy

    import torch

    from imtrans.kit.nn import inference

    other = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(network.state_dict())
    with inference([network, other], dropout=False):
        require(torch.equal(call(network), call(other)), f"{name}: a network with the same state gives another output")
