"""Checks of losses, adversarial losses, penalties and methods."""

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imtrans.errors import PluginError
from imtrans.testing.contract import ContractError, batch_of_noise, make, require

if TYPE_CHECKING:
    from torch import Tensor


def check_loss(name: str, **options: Any) -> None:
    """A loss is a finite scalar, least for equal pictures, the same each time, whose gradient is that of its values."""
    import torch

    loss = make("loss", name, **options)
    batch = batch_of_noise(size=32)
    target, other = batch.target, batch.source.requires_grad_()
    far, near = loss(other, target), loss(target, target)
    require(far.shape == (), f"{name}: gave {tuple(far.shape)}, not a scalar")
    require(torch.isfinite(far) and torch.isfinite(near), f"{name}: is not finite")
    require(torch.equal(far, loss(other, target)), f"{name}: the same pictures cost something else the second time")
    require(
        near < far, f"{name}: equal pictures cost {float(near.detach()):.3g}, different ones {float(far.detach()):.3g}"
    )
    (gradient,) = torch.autograd.grad(far, other)
    require(torch.isfinite(gradient).all(), f"{name}: its gradient is not finite")
    require(gradient.abs().sum() > 0, f"{name}: its gradient is zero")
    _check_slope(loss, other.detach(), target, gradient, name)


def _check_slope(loss: Any, picture: "Tensor", target: "Tensor", gradient: "Tensor", name: str) -> None:
    """Along its gradient a loss rises as fast as that says: what is detached in part has another slope."""
    import torch

    # In float64, where a difference of two values is exact enough; what stays in float32 inside needs a longer step.
    if isinstance(loss, torch.nn.Module):
        loss = copy.deepcopy(loss).double()
    wide, step = picture.double(), gradient.double() / gradient.double().norm() * 1e-3
    with torch.no_grad():
        rise = (loss(wide + step, target.double()) - loss(wide - step, target.double())) / 2e-3
    slope, told = float(rise), float(gradient.norm())
    require(
        abs(slope - told) <= 0.1 * told + 1e-6,
        f"{name}: its gradient is {told:.4g}, and its values rise by {slope:.4g}",
    )


def check_adversarial(name: str, **options: Any) -> None:
    """An adversarial loss gives finite scalars, with gradients for the generator.

    A discriminator that is right does not pay more than one that is wrong.
    """
    import torch

    from imtrans.interfaces import DiscriminatorOutput

    loss = make("adversarial", name, **options)

    def output(value: float) -> DiscriminatorOutput:
        logits = [torch.full((2, 1, 3, 3), value, requires_grad=True)]
        return DiscriminatorOutput(logits, [[torch.full((2, 4, 3, 3), value, requires_grad=True)]])

    right, wrong = (loss.discriminator_loss(output(x), output(-x)) for x in (0.5, -0.5))
    for loss_d in (right, wrong):
        require(loss_d.shape == (), f"{name}: discriminator_loss gave {tuple(loss_d.shape)}, not a scalar")
        require(bool(torch.isfinite(loss_d)), f"{name}: discriminator_loss is not finite")
    costs = f"{float(right.detach()):.3g}, else {float(wrong.detach()):.3g}"
    require(bool(right <= wrong), f"{name}: a discriminator that is right pays {costs}")
    fake, real = output(0.3), output(0.8)
    loss_g = loss.generator_loss(fake, real)
    require(loss_g.shape == (), f"{name}: generator_loss gave {tuple(loss_g.shape)}, not a scalar")
    outputs = [*fake.logits, *fake.features[0]]
    # Feature matching uses no logits, all others no features.
    gradients = [g for g in torch.autograd.grad(loss_g, outputs, allow_unused=True) if g is not None]
    require(bool(gradients), f"{name}: generator_loss depends on neither logits nor features of the fake")
    require(all(bool(torch.isfinite(g).all()) for g in gradients), f"{name}: its gradient is not finite")


def check_penalty(name: str, *, discriminator: str = "patchgan16", **options: Any) -> None:
    """A penalty is a finite scalar of at least 0, with gradients for the discriminator."""
    import torch

    penalty, network = make("penalty", name, **options), make("discriminator", discriminator, width=4, norm="none")
    batch = batch_of_noise(size=32)
    value = penalty(network, batch, torch.rand(2, 3, 32, 32) * 2 - 1)
    require(value.shape == (), f"{name}: gave {tuple(value.shape)}, not a scalar")
    number = float(value.detach())
    require(0 <= number < float("inf"), f"{name}: gave {number:.3g}")
    gradients = torch.autograd.grad(value, list(network.parameters()), allow_unused=True)
    require(
        any(g is not None and bool(g.abs().sum() > 0) for g in gradients),
        f"{name}: no gradient reaches the discriminator",
    )


def check_method(method: Any, *, groups: Sequence[str], size: int = 32, channels: int = 3) -> None:
    """A method, already made with its slots, updates each of its groups, logs detached scalars, translates."""
    import torch

    from imtrans.kit.method_parts import check_parts

    try:
        check_parts(method, type(method).__name__)
    except PluginError as error:
        raise ContractError(error.what) from None
    updated: list[str] = []

    def update(losses: "Mapping[str, Tensor]") -> None:
        for group, loss in losses.items():
            require(group in groups, f"updates {group!r}; the groups are {', '.join(groups)}")
            require(loss.shape == () and loss.requires_grad, f"the loss of {group!r} is no scalar with a gradient")
            updated.append(group)

    batch = batch_of_noise(size=size, channels=channels)
    logged = method.train_step(batch, update, step=0)
    require(set(updated) == set(groups), f"updated {sorted(set(updated))}, not {sorted(groups)}")
    for name, value in logged.items():
        require(value.shape == () and not value.requires_grad, f"logs {name!r}, which is no detached scalar")
    with torch.no_grad():
        translated = method.translate(batch.source, seed=0)
    require(translated.shape[2:] == batch.source.shape[2:], f"translate gave {tuple(translated.shape)}")
    method.load_state_dict(method.state_dict())
