"""Checks of losses: distances, adversarial losses and penalties."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from imtrans.interfaces import DiscriminatorOutput
from imtrans.testing import modules
from imtrans.testing.contract import batch_of_noise, check, flat_data, make, noise, require

if TYPE_CHECKING:
    from torch import Tensor


@check
def check_loss(
    name: str,
    *,
    channels: Iterable[int] = (3, 1, 6),
    size: int = 32,
    known: Iterable[tuple[float, float, float]] = (),
    is_differentiable: bool = True,
    **options: Any,
) -> None:
    """A loss is a scalar, least for equal pictures, with the right gradients, for pictures of so many channels each.

    `known`: a prediction and a target that are everywhere these values, and what they cost. The gradient is compared
    with the slope of the values along it, in float64; with `is_differentiable` False only its presence is checked.
    """
    import torch

    for count in channels:
        loss = make("loss", name, data_spec=flat_data(count, count), size=(size,), **options)
        _check_order(loss, count, size=size, name=name)
        for prediction, target, cost in known:
            sides = (torch.full((2, count, size, size), value) for value in (prediction, target))
            found = float(loss(*sides))
            is_right = abs(found - cost) <= 1e-4 * max(1.0, abs(cost))
            require(is_right, f"{name}: {prediction} for {target} costs {found:.6g}, not {cost}")
        if is_differentiable:
            exact = loss.double() if isinstance(loss, torch.nn.Module) else loss
            picture, other = (noise(1, count, size, size, seed=seed).double() for seed in range(2))
            _check_slope(exact, picture, other, name)


def _check_slope(loss: Any, picture: "Tensor", target: "Tensor", name: str) -> None:
    """Along its gradient a loss rises as fast as that says: what is detached in part has another slope.

    One direction and not each value: losses that are networks take minutes for that.
    """
    import torch

    leaf = picture.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf, target), leaf)
    told = float(gradient.norm())
    step = gradient / told * 1e-3
    with torch.no_grad():
        slope = float(loss(picture + step, target) - loss(picture - step, target)) / 2e-3
    is_right = abs(slope - told) <= 0.1 * told + 1e-6
    require(is_right, f"{name}: its gradient is {told:.4g}, and its values rise by {slope:.4g}")


def _check_order(loss: Any, channels: int, *, size: int, name: str) -> None:
    import torch

    batch = batch_of_noise(size=size, channels=channels)
    target, other = batch.target, batch.source.requires_grad_()
    far, near, closer = loss(other, target), loss(target, target), loss(target * 0.9 + other.detach() * 0.1, target)
    require(far.shape == (), f"{name}: gave {tuple(far.shape)}, not a scalar")
    costs = [float(value.detach()) for value in (near, closer, far)]
    require(all(abs(c) < float("inf") for c in costs), f"{name}: gave {costs}, which is not finite")
    require(near < far, f"{name}: equal pictures cost {costs[0]:.3g}, different ones {costs[2]:.3g}")
    require(near <= closer, f"{name}: equal pictures cost {costs[0]:.3g}, similar ones {costs[1]:.3g}")
    again = float(loss(other, target).detach())
    require(again == costs[2], f"{name}: the same pictures cost something else the second time")
    (gradient,) = torch.autograd.grad(far, other)
    require(torch.isfinite(gradient).all(), f"{name}: its gradient is not finite")
    require(gradient.abs().sum() > 0, f"{name}: its gradient is zero")
    loss(other.detach()[:1], target[:1])  # a batch of one


@check
def check_adversarial(name: str, **options: Any) -> None:
    """An adversarial loss gives finite scalars, for any number of scales, with the right gradients.

    A discriminator that is right does not pay more than one that is wrong. Gradients are compared with finite
    differences in float64.
    """
    loss = make("adversarial", name, **options)
    for scales in (1, 2):
        right, wrong = (loss.discriminator_loss(_output(x, scales), _output(-x, scales)) for x in (0.5, -0.5))
        for value in (right, wrong):
            _check_scalar(value, f"{name}: discriminator_loss")
        costs = f"{float(right.detach()):.3g}, else {float(wrong.detach()):.3g}"
        require(bool(right <= wrong), f"{name}: a discriminator that is right pays {costs}")
        _check_generator_loss(loss, scales, name)
    real = _of(_logits(2))
    modules.check_derivative(lambda x: loss.discriminator_loss(real, _of(x)), (_logits(0),), f"{name}: on fakes")
    modules.check_derivative(
        lambda x: loss.discriminator_loss(_of(x), real), (_logits(1),), f"{name}: on real pictures"
    )
    modules.check_derivative(lambda x: loss.generator_loss(_of(x), real), (_logits(3),), f"{name}: of the generator")


def _check_generator_loss(loss: Any, scales: int, name: str) -> None:
    import torch

    fake, real = _output(0.3, scales), _output(0.8, scales)
    loss_g = loss.generator_loss(fake, real)
    _check_scalar(loss_g, f"{name}: generator_loss")
    outputs = [*fake.logits, *(layer for layers in fake.features for layer in layers)]
    # Feature matching uses no logits, all others no features.
    gradients = [g for g in torch.autograd.grad(loss_g, outputs, allow_unused=True) if g is not None]
    require(bool(gradients), f"{name}: generator_loss depends on neither logits nor features of the fake")
    require(all(bool(torch.isfinite(g).all()) for g in gradients), f"{name}: its gradient is not finite")


def _check_scalar(value: "Tensor", what: str) -> None:
    import torch

    require(value.shape == (), f"{what} gave {tuple(value.shape)}, not a scalar")
    require(bool(torch.isfinite(value)), f"{what} is not finite")


def _output(value: float, scales: int) -> DiscriminatorOutput:
    """Logits and features that are all this value."""
    import torch

    def full(channels: int) -> "Tensor":
        return torch.full((2, channels, 3, 3), value, requires_grad=True)

    return DiscriminatorOutput([full(1) for _ in range(scales)], [[full(4)] for _ in range(scales)])


def _logits(seed: int) -> "Tensor":
    # Away from 0 and from margins of 1, where a hinge has no derivative.
    values = noise(2, 1, 3, 3, seed=seed).double()
    return (0.1 + 0.8 * values.abs()) * values.sign()


def _of(logits: "Tensor") -> DiscriminatorOutput:
    return DiscriminatorOutput([logits], [[logits.repeat(1, 4, 1, 1)]])


@check
def check_penalty(name: str, *, discriminator: str = "patchgan16", **options: Any) -> None:
    """A penalty is a finite scalar of at least 0, with gradients for the discriminator; also for a batch of one."""
    import torch

    penalty, network = make("penalty", name, **options), make("discriminator", discriminator, width=4, norm="none")
    for count in (2, 1):
        batch = batch_of_noise(size=32, count=count)
        value = penalty(network, batch, noise(count, 3, 32, 32, seed=3))
        _check_scalar(value, f"{name}: it")
        require(float(value.detach()) >= 0, f"{name}: gave {float(value.detach()):.3g}")
        gradients: Sequence[Any] = torch.autograd.grad(value, list(network.parameters()), allow_unused=True)
        reached = [g for g in gradients if g is not None and bool(g.abs().sum() > 0)]
        require(bool(reached), f"{name}: no gradient reaches the discriminator")
        require(all(bool(torch.isfinite(g).all()) for g in reached), f"{name}: its gradient is not finite")
