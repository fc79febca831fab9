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
        # Not square: a network that exchanges height and width, or is fixed to one size, is noticed.
        image = torch.rand(2, source, size, size + int(getattr(network, "stride", 1))) * 2 - 1
        output = network(image)
        shape = (2, target, *image.shape[2:])
        require(tuple(output.shape) == shape, f"{name}: {tuple(image.shape)} became {tuple(output.shape)}, not {shape}")
        require(output.dtype == torch.float32, f"{name}: the output is {output.dtype}, not float32")
        largest = float(output.detach().abs().max())
        require(largest <= 1, f"{name}: the output leaves [-1, 1]: {largest:.3g}")
        _check_gradients(network, output.square().mean(), name)
        _check_state(network, lambda other, x=image: other(x), name)


def check_discriminator(name: str, *, size: int = 64, **options: Any) -> None:
    """A discriminator gives finite logits (B, 1, h, w), learns, and comes back from its state."""
    import torch

    from imtrans.interfaces import DiscriminatorOutput

    network = make("discriminator", name, size=(size,), **options)
    _check_module(network, name)
    source, image = torch.rand(2, 3, size, size) * 2 - 1, torch.rand(2, 3, size, size) * 2 - 1
    output = network(source, image)
    gave = type(output).__name__
    require(isinstance(output, DiscriminatorOutput), f"{name}: gave {gave}, not a DiscriminatorOutput")
    require(output.logits, f"{name}: the output has no logits")
    for logits in output.logits:
        require(logits.shape[:2] == (2, 1), f"{name}: logits are {tuple(logits.shape)}, not (2, 1, h, w)")
        require(torch.isfinite(logits).all(), f"{name}: logits are not finite")
    _check_gradients(network, torch.stack([x.square().mean() for x in output.logits]).sum(), name)
    _check_state(network, lambda other: other(source, image).logits[0], name)


def check_activation(name: str, **options: Any) -> None:
    """An activation is a module that keeps shape and dtype and does not change its input."""
    import torch

    layer = make("activation", name, **options)
    _check_module(layer, name)
    x = torch.linspace(-3, 3, 24).view(2, 3, 2, 2)
    before = x.clone()
    y = layer(x)
    require(y.shape == x.shape, f"{name}: {tuple(x.shape)} became {tuple(y.shape)}")
    require(y.dtype == x.dtype, f"{name}: {x.dtype} became {y.dtype}")
    require(torch.equal(x, before), f"{name}: changed its input")


def _check_module(network: Any, name: str) -> None:
    from torch import nn

    require(isinstance(network, nn.Module), f"{name}: gave {type(network).__name__}, not a torch.nn.Module")


def _check_gradients(network: "nn.Module", loss: "Tensor", name: str) -> None:
    import torch

    parameters = {k: p for k, p in network.named_parameters() if p.requires_grad}  # a frozen encoder learns nothing
    gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    for key, gradient in zip(parameters, gradients, strict=True):
        require(gradient is not None, f"{name}: {key} is not used for the output")
        require(torch.isfinite(gradient).all(), f"{name}: the gradient of {key} is not finite")


def _check_state(network: "nn.Module", call: Any, name: str) -> None:
    import copy

    import torch

    from imtrans.kit.nn import inference

    # Zeroed first: an output that equals by chance, or that depends on more than the state, is noticed.
    other = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(network.state_dict())
    with inference([network, other], dropout=False):
        require(torch.equal(call(network), call(other)), f"{name}: a network with the same state gives another output")
