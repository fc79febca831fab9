"""What holds for every network: gradients, state, repetition, half precision, learning, sizes."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from imtrans.interfaces import Geometry
from imtrans.testing.contract import require

if TYPE_CHECKING:
    from torch import Tensor, nn

Build = Callable[[], Any]
Call = Callable[[Any], "Tensor"]  # a network to what it makes of an input


def seeded(build: Build, seed: int) -> Any:
    """A component, its weights drawn from `seed`; the global generator is put back."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def check_module(network: Any, name: str) -> None:
    """It is a torch module with parameters that are all float32."""
    import torch
    from torch import nn

    require(isinstance(network, nn.Module), f"{name}: gave {type(network).__name__}, not a torch.nn.Module")
    for key, value in network.named_parameters():
        require(value.dtype == torch.float32, f"{name}: {key} is {value.dtype}, not float32")


def check_gradients(network: "nn.Module", loss: "Tensor", name: str) -> None:
    """The loss has a finite gradient for each parameter that is not frozen."""
    import torch

    parameters = {k: p for k, p in network.named_parameters() if p.requires_grad}  # a frozen encoder learns nothing
    if not parameters:
        return
    gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    for key, gradient in zip(parameters, gradients, strict=True):
        require(gradient is not None, f"{name}: {key} is not used for the output")
        require(torch.isfinite(gradient).all(), f"{name}: the gradient of {key} is not finite")


def check_state(build: Build, call: Call, name: str) -> None:
    """A network built anew from another seed gives the same output once it has the state; no second pass differs."""
    import torch

    from imtrans.kit.nn import inference

    network, other = seeded(build, 0), seeded(build, 1)
    other.load_state_dict(network.state_dict())
    with inference([network, other], dropout=False):
        first, again, restored = call(network), call(network), call(other)
    require(torch.equal(first, again), f"{name}: the same input gives another output the second time")
    require(torch.equal(first, restored), f"{name}: a network with the same state gives another output")


def check_seed(build: Build, name: str) -> None:
    """Built twice from one seed it has the same weights."""
    import torch

    one, other = (seeded(build, 3).state_dict() for _ in range(2))
    differing = [key for key in one if not torch.equal(one[key], other[key])]
    require(not differing, f"{name}: {differing[:1]} follows from more than torch's seed; all runs would differ")


def check_half(network: "nn.Module", call: Call, name: str) -> None:
    """Under bf16 (train.precision) output and gradients are finite."""
    import torch

    with torch.autocast("cpu", torch.bfloat16):
        output = call(network)
        loss = output.float().square().mean()
    require(torch.isfinite(output).all(), f"{name}: with train.precision=bf16 the output is not finite")
    if loss.requires_grad:
        check_gradients(network, loss, f"{name}, train.precision=bf16")


def check_learns(network: "nn.Module", loss: Call, name: str, *, steps: int = 40, share: float = 0.9) -> None:
    """Some steps of Adam on one batch bring the loss below `share` of what it was."""
    import torch

    trained = [p for p in network.parameters() if p.requires_grad]
    if not trained:
        return
    optimizer, values = torch.optim.Adam(trained, lr=2e-3), []
    with torch.random.fork_rng(devices=[]):  # dropout
        torch.manual_seed(0)
        for _ in range(steps):
            optimizer.zero_grad()
            value = loss(network)
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            values.append(float(value.detach()))
    first, last = values[0], sum(values[-3:]) / 3
    require(last < share * first, f"{name}: {steps} steps on one batch change its loss from {first:.3g} to {last:.3g}")


def strides_of(network: Any, axes: int) -> tuple[int, ...]:
    """The strides that a network declares along its spatial axes."""
    return Geometry(stride=getattr(network, "stride", 1)).strides(axes)


def odd_sizes(network: Any, size: int, *, axes: int = 2) -> Sequence[tuple[int, ...]]:
    """Sizes as they reach a network for odd pictures: padded to its `stride`, neither square nor that of training."""
    strides, odd = strides_of(network, axes), ((size + 1, size - 1), (size - 3, size))
    whole = [(*[size - 1] * (axes - 2), *sides) for sides in odd]
    return [tuple(-(-n // stride) * stride for n, stride in zip(sizes, strides, strict=True)) for sizes in whole]


def smooth(count: int, channels: int, size: int, *, axes: int = 2) -> "Tensor":
    """Blurred noise in [-1, 1]: pictures that a network can learn in a few steps."""
    from torch.nn.functional import interpolate

    from imtrans.testing.contract import noise

    blurred = {2: "bilinear", 3: "trilinear"}[axes]
    return interpolate(noise(count, channels, *[4] * axes), [size] * axes, mode=blurred)


def check_derivative(function: Callable[..., Any], inputs: Sequence["Tensor"], name: str) -> None:
    """The gradient for each input, in float64, is that of finite differences (torch.autograd.gradcheck)."""
    import torch

    for value in inputs:
        value.requires_grad_()
    try:
        torch.autograd.gradcheck(function, tuple(inputs), fast_mode=True, check_undefined_grad=False)
    except RuntimeError as error:
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        fault = " ".join(lines[-1].split()) if len(lines) < 3 else " ".join(" ".join(lines[:3]).split())
        require(False, f"{name}: its gradient is not that of finite differences in float64: {fault:.200}")
