"""Checks of networks: generators, discriminators, activations and others."""

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imtrans.errors import ShapeError
from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.testing.contract import make, require
from imtrans.testing.modules import check_bf16, check_export, check_gradients, check_module, check_repeats, check_state

SIZES = (64, 128, 256, 512)

if TYPE_CHECKING:
    from torch import Tensor, nn


def check_generator(
    name: str,
    *,
    channels: Sequence[tuple[int, int]] = ((3, 3), (1, 3), (6, 2)),
    size: int | None = None,
    export: bool = True,
    **options: Any,
) -> None:
    """A generator keeps the size of one picture and of two and gives the target's channels in [-1, 1].

    It trains in every part, learns one picture, gives the same each time in inference, comes back from its state, runs
    in bfloat16, and can be written by torch.export (unless `export` is off). `channels` are pairs of source and target
    channels; `size` is a size it takes (by default the least multiple of its `stride` from 64 on). Pictures are not
    square, and of odd size where it has no `stride`: a network that exchanges height and width, or is fixed to one
    size, is noticed.
    """
    import torch

    for number, (source, target) in enumerate(channels):
        network, size = _generator(name, (source, target), size, options)
        image = torch.rand(2, source, size, size + int(getattr(network, "stride", 1))) * 2 - 1
        output = network(image)
        _check_image(output, (2, target, *image.shape[2:]), f"{name}: {tuple(image.shape)} became")
        _check_image(network(image[:1]), (1, target, *image.shape[2:]), f"{name}: of one picture came")
        check_gradients(network, output.square().mean(), name)
        check_state(network, lambda other, x=image: other(x), name)
        again = functools.partial(network, image)
        check_repeats(network, again, name)
        check_bf16(network, again, name)
        if number == 0:
            if export:
                check_export(network, image, name)
            _check_learning(network, image[:1], target, name)


def _generator(
    name: str, channels: tuple[int, int], size: int | None, options: dict[str, Any]
) -> "tuple[nn.Module, int]":
    import torch

    source, target = (ImageSpec(channels=n) for n in channels)
    torch.manual_seed(0)
    network = make("generator", name, data_spec=DataSpec(source=source, target=target), size=(size or 64,), **options)
    check_module(network, name)
    stride = int(getattr(network, "stride", 1))
    require(stride >= 1, f"{name}: its stride is {stride}")
    # A single pixel has no spread to normalise by: two of the coarsest.
    return network, size or stride * math.ceil(max(64, 2 * stride if stride > 1 else 0) / stride)


def _check_image(output: "Tensor", shape: tuple[int, ...], what: str) -> None:
    import torch

    name = what.partition(":")[0]
    require(isinstance(output, torch.Tensor), f"{what} {type(output).__name__}, not a tensor")
    require(tuple(output.shape) == shape, f"{what} {tuple(output.shape)}, not {shape}")
    require(output.dtype == torch.float32, f"{name}: the output is {output.dtype}, not float32")
    largest = float(output.detach().abs().max())
    require(largest <= 1, f"{name}: the output leaves [-1, 1]: {largest:.3g}")


def _check_learning(network: "nn.Module", image: "Tensor", target: int, name: str) -> None:
    """Ten steps of Adam on one picture bring it nearer to a plain one."""
    import torch

    wanted = torch.full((1, target, *image.shape[2:]), 0.5)
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer, losses = torch.optim.Adam(parameters, lr=2e-3), []
    for _ in range(10):
        optimizer.zero_grad()
        loss = (network(image) - wanted).abs().mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    require(
        losses[-1] < losses[0], f"{name}: ten steps on one picture brought L1 from {losses[0]:.4g} to {losses[-1]:.4g}"
    )


def check_discriminator(name: str, *, size: int | None = None, **options: Any) -> None:
    """A discriminator gives finite logits (B, 1, h, w) for one picture and for two, and for pictures of odd size.

    It trains in every part, gives the same each time in inference, comes back from its state, and runs in bfloat16.
    `size` is a size it takes, by default the least of 64, 128, 256 and 512.
    """
    import torch

    for side in [size] if size else SIZES:
        network = make("discriminator", name, size=(side,), **options)
        check_module(network, name)
        source, image = (torch.rand(2, 3, side, side + 1) * 2 - 1 for _ in range(2))
        try:
            output = network(source, image)
            break
        except (RuntimeError, ShapeError):  # one of large receptive fields has no output for a small picture
            if side in (size, SIZES[-1]):
                raise
    _check_logits(output, 2, name)
    _check_logits(network(source[:1], image[:1]), 1, name)
    check_gradients(network, torch.stack([x.square().mean() for x in output.logits]).sum(), name)
    check_state(network, lambda other: other(source, image).logits[0], name)
    check_repeats(network, lambda: network(source, image).logits[0], name)
    check_bf16(network, lambda: network(source, image).logits[0], name)


def _check_logits(output: Any, count: int, name: str) -> None:
    import torch

    from imtrans.interfaces import DiscriminatorOutput

    gave = type(output).__name__
    require(isinstance(output, DiscriminatorOutput), f"{name}: gave {gave}, not a DiscriminatorOutput")
    require(output.logits, f"{name}: the output has no logits")
    for logits in output.logits:
        require(logits.shape[:2] == (count, 1), f"{name}: logits are {tuple(logits.shape)}, not ({count}, 1, h, w)")
        require(torch.isfinite(logits).all(), f"{name}: logits are not finite")


def check_activation(name: str, **options: Any) -> None:
    """An activation is a module that keeps shape and dtype, does not change its input, and has a gradient."""
    import torch

    layer = make("activation", name, **options)
    check_module(layer, name)
    x = torch.linspace(-3, 3, 24).view(2, 3, 2, 2)
    before = x.clone()
    y = layer(x)
    require(y.shape == x.shape, f"{name}: {tuple(x.shape)} became {tuple(y.shape)}")
    require(y.dtype == x.dtype, f"{name}: {x.dtype} became {y.dtype}")
    require(torch.equal(x, before), f"{name}: changed its input")
    leaf = before.requires_grad_()
    (gradient,) = torch.autograd.grad(layer(leaf).sum(), leaf)
    require(torch.isfinite(gradient).all() and gradient.abs().sum() > 0, f"{name}: its gradient is zero or not finite")


def check_network(name: str, *, data_spec: DataSpec | None = None, size: int = 64, **options: Any) -> None:
    """A network is a module whose weights are finite, and another one made from its options takes its state."""
    import torch

    network, other = (make("network", name, data_spec=data_spec, size=(size,), **options) for _ in range(2))
    check_module(network, name)
    for key, value in network.state_dict().items():
        require(not value.is_floating_point() or torch.isfinite(value).all(), f"{name}: {key} is not finite")
    other.load_state_dict(network.state_dict())
