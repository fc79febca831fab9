"""How losses become steps of optimizers."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from imtrans.config.speedups import is_asked
from imtrans.engine.build import Model
from imtrans.engine.distributed import ProcessGroup
from imtrans.engine.optim.gradient_norm import gradient_norm
from imtrans.engine.optim.gradient_sum import GradientSum
from imtrans.engine.optim.optimizers import create_optimizer
from imtrans.engine.optim.parameter_groups import FIXED_FOR, divided_groups, first_step, parameter_groups
from imtrans.engine.optim.schedules import Factor, constant, lr_schedule
from imtrans.engine.speedups import precision
from imtrans.errors import ConfigError, PluginError, join_names, nearest
from imtrans.kit.training.precision import full_precision


@dataclass(kw_only=True)
class Group:
    """An optimizer with its parameters, its scaler and the learning rates that its schedule starts from: one for each
    of the optimizer's own groups, as are the first steps in which they are trained. `sum`: of its gradients over the
    processes."""

    parameters: Sequence[nn.Parameter]
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    lrs: Sequence[float]
    begins: Sequence[int] = ()
    sum: GradientSum | None = None


@dataclass(kw_only=True)
class OptimizerStep:
    """What methods call as `update`: gradients of every loss of one call first, then the optimizers' steps.

    Gradients are taken for a group's own parameters only, so G's step leaves none on D (and does not pay for them).
    They are summed over the processes and the parts of a batch, each with its share of the pictures; over the processes
    while the backward pass (of the last part) goes on. Where a batch comes in parts, calls only add gradients, and the
    groups step after the last part in the order of their first call.
    A step whose gradient is not finite is left out: on CUDA by the optimizer itself, so that nothing waits for it.
    `norms` holds the length of each group's last gradient, `faults` the group and whether its step was left out,
    `stepped` whether a group has stepped since `begin`.
    """

    groups: Mapping[str, Group]
    clip: float | None = None
    factor: Factor = constant
    norms: dict[str, Tensor] = field(default_factory=dict)
    faults: list[tuple[str, Tensor]] = field(default_factory=list)
    stepped: bool = False
    _weight: float = 1.0
    _is_partial: bool = False
    _is_last: bool = True
    _of_part: list[str] = field(default_factory=list)
    _of_step: dict[str, None] = field(default_factory=dict)

    @classmethod
    def of(cls, optimizers: Mapping[str, torch.optim.Optimizer]) -> "OptimizerStep":
        """A step over bare optimizers, in float32 and without a schedule: for benchmarks and tests."""
        groups = {}
        for name, bare in optimizers.items():
            parameters = [p for settings in bare.param_groups for p in settings["params"]]
            lrs, scaler = [g["lr"] for g in bare.param_groups], torch.amp.GradScaler("cpu", enabled=False)
            groups[name] = Group(parameters=parameters, optimizer=bare, scaler=scaler, lrs=lrs)
        return cls(groups=groups)

    def begin(self, step: int) -> None:
        """Set the learning rates of this step (counted from 0)."""
        self._of_step, self.stepped = {}, False
        for group in self.groups.values():
            begins = group.begins or [0] * len(group.lrs)
            for settings, lr, first in zip(group.optimizer.param_groups, group.lrs, begins, strict=True):
                rate = lr * self.factor(step) * settings.get("lr_scale", 1.0) if step >= first else 0.0
                if isinstance(settings["lr"], Tensor):
                    settings["lr"].fill_(rate)
                else:
                    settings["lr"] = rate

    def part(self, weight: float, *, is_partial: bool, is_last: bool = True) -> None:
        """What comes next is this share of all the pictures of the step; `is_partial`: it is one of several parts."""
        self._weight, self._is_partial, self._is_last, self._of_part = weight, is_partial, is_last, []

    def __call__(self, losses: Mapping[str, Tensor]) -> None:
        """{optimizer group: loss}: two calls are alternating updates, one call with two entries a simultaneous one."""
        unknown = next((name for name in losses if name not in self.groups), None)
        if unknown is not None:
            raise PluginError(
                f"the method updates {unknown!r}, and there is no such optimizer group{nearest(unknown, self.groups)}",
                hint=f"The groups that its slots declare: {join_names(self.groups)}.",
            )
        # A constant has nothing to backpropagate: a term that rests in this step, say. It is 0 then.
        _refuse_lost(losses)
        real = {name: loss for name, loss in losses.items() if loss.requires_grad}
        for left, (name, loss) in zip(reversed(range(len(real))), real.items(), strict=True):
            group = self.groups[name]
            # A loss that is not finite may have finite gradients: times zero it makes them NaN, without waiting.
            weight = self._weight + 0 * loss.detach()
            with full_precision(loss.device.type), self._summing(group):
                scaled = group.scaler.scale(loss.float() * weight)
                torch.autograd.backward(scaled, inputs=list(group.parameters), retain_graph=left > 0)
        for name in real:
            if self._is_partial:
                self._note(name)
            else:
                self._step(name)

    def end(self) -> None:
        """Step the groups whose gradients the parts have added up."""
        for name in self._of_step:
            self._step(name)

    def scale(self) -> float:
        """The smallest factor that keeps gradients within 16 bits; 1 where nothing is scaled."""
        return min((g.scaler.get_scale() for g in self.groups.values()), default=1.0)

    def _note(self, name: str) -> None:
        if name in self._of_part:
            raise ConfigError(
                f"the method updates {name!r} several times in a step, which cannot be done in parts",
                hint="Use --set train.grad_accum_steps=1.",
            )
        self._of_part.append(name)
        self._of_step[name] = None

    def _step(self, name: str) -> None:
        group, self.stepped = self.groups[name], True
        if group.sum is not None:
            group.sum.finish()
        group.scaler.unscale_(group.optimizer)
        gradients = [p.grad for p in group.parameters if p.grad is not None]
        norm = gradient_norm(gradients)
        is_bad = ~norm.isfinite()
        if self.clip is not None:
            torch.nn.utils.clip_grads_with_norm_(group.parameters, self.clip, norm)
        if group.scaler.is_enabled():
            group.scaler.step(group.optimizer)
            group.scaler.update()
        else:
            _step_if_finite(group.optimizer, is_bad)
            self.faults.append((name, is_bad))
        group.optimizer.zero_grad(set_to_none=True)
        torch.clear_autocast_cache()  # it holds the weights of before the step, in half precision
        self.norms[name] = norm

    def _summing(self, group: Group) -> contextlib.AbstractContextManager[None]:
        return group.sum.during_backward() if group.sum is not None and self._is_last else contextlib.nullcontext()


def _refuse_lost(losses: Mapping[str, Tensor]) -> None:
    lost = next((n for n, loss in losses.items() if not loss.requires_grad and bool(loss.detach().any())), None)
    if lost is not None:
        raise PluginError(
            f"the loss that the method gives for optimizer group {lost!r} has no gradient: it trains nothing",
            hint="Look for detach(), torch.no_grad() or a conversion to numbers. A loss that rests in a step is 0.",
        )


def _step_if_finite(optimizer: torch.optim.Optimizer, is_bad: Tensor) -> None:
    """A step, unless the gradient is bad. torch's fused optimizers look for themselves, on the device."""
    if is_bad.device.type == "cpu" or not getattr(optimizer, "_step_supports_amp_scaling", False):
        if not is_bad:
            optimizer.step()
        return
    # The two attributes by which torch's GradScaler tells a fused optimizer to skip, without a wait for the device.
    fused: Any = optimizer
    fused.grad_scale, fused.found_inf = None, is_bad.float()
    optimizer.step()
    del fused.grad_scale, fused.found_inf


def optimizer_step(model: Model, *, steps: int, epoch: int = 1, world: ProcessGroup | None = None) -> OptimizerStep:
    """The step of a model in a run of so many steps, with the optimizers that its configuration asks for; `epoch`: the
    steps of one."""
    train, groups, world = model.config.train, {}, world or ProcessGroup()
    is_half, is_fused = precision(train, model.device) == "fp16", is_asked(train, "fused-adam")
    for name, parameters in parameter_groups(model).items():
        divided, options = divided_groups(model, parameters, group=name), model.config.optimizers[name]
        begins = [first_step(part.pop(FIXED_FOR, None), epoch=epoch) for part in divided]  # no setting of torch's
        trained = [p for part in divided for p in part["params"]]
        groups[name] = Group(
            parameters=trained,
            optimizer=create_optimizer(
                divided if len(divided) > 1 else parameters, options, group=name, is_fused=is_fused
            ),
            scaler=torch.amp.GradScaler(model.device.type, enabled=is_half),
            lrs=[part.get("lr", options.lr) for part in divided],
            begins=begins,
            sum=GradientSum(trained, world.alongside()) if world.size > 1 else None,
        )
    return OptimizerStep(groups=groups, clip=train.clip_grad_norm, factor=lr_schedule(train, steps))
