"""How losses become steps of optimisers."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from imtrans.engine.build import Model
from imtrans.errors import ConfigError, nearest
from imtrans.kit.vision import optional_vision
from imtrans.recipe import OptimizerOptions


class Updater:
    """`update` as methods see it: gradients of every loss of one call first, then the optimisers' steps.

    Gradients are taken for a group's own parameters only, so G's step leaves none on D (and does not pay for them).
    """

    def __init__(
        self, groups: Mapping[str, Sequence[nn.Parameter]], optimizers: Mapping[str, torch.optim.Optimizer]
    ) -> None:
        self._groups, self._optimizers = groups, optimizers

    def __call__(self, losses: Mapping[str, Tensor]) -> None:
        """{optimiser group: loss}: two calls are alternating updates, one call with two entries a simultaneous one."""
        real = {group: loss for group, loss in losses.items() if loss.requires_grad}
        for left, (group, loss) in zip(reversed(range(len(real))), real.items(), strict=True):
            torch.autograd.backward(loss, inputs=list(self._groups[group]), retain_graph=left > 0)
        for group in real:
            self._optimizers[group].step()
            self._optimizers[group].zero_grad(set_to_none=True)


def updater(model: Model) -> Updater:
    """The updater of a model, with the optimisers that its configuration asks for."""
    groups = parameter_groups(model)
    return Updater(groups, {g: optimizer(p, model.config.optimizers[g], group=g) for g, p in groups.items()})


def parameter_groups(model: Model) -> dict[str, list[nn.Parameter]]:
    """The trainable parameters of each optimiser group, in the order of the slots."""
    groups: dict[str, list[nn.Parameter]] = {}
    for name, network in model.networks.items():
        slot = model.config.info.slots.get(name)
        if slot and slot.group:
            groups.setdefault(slot.group, []).extend(p for p in network.parameters() if p.requires_grad)
    return groups


def optimizer(
    parameters: Sequence[nn.Parameter], options: OptimizerOptions, *, group: str = "GROUP"
) -> torch.optim.Optimizer:
    """Adam from torch (fused: a tenth faster on the CPU), any other from timm; it is given what it has a use for."""
    shared: dict[str, Any] = {"lr": options.lr, "weight_decay": options.weight_decay}
    if options.name == "adam":
        is_fused = parameters[0].device.type in ("cpu", "cuda")
        return torch.optim.Adam(parameters, fused=is_fused, betas=_two(options), eps=options.eps, **shared)
    timm = optional_vision("timm.optim")
    known = timm.list_optimizers()
    if options.name not in known:
        where = f"train.optimizer.{group}.name"
        raise ConfigError(
            f"{where}: no optimiser {options.name!r}{nearest(options.name, known)}", mend="adam is the paper's."
        )
    info = timm.get_optimizer_info(options.name)
    shared |= {"betas": _two(options)} if info.has_betas else {}
    shared |= {"eps": options.eps} if info.has_eps else {}
    made: torch.optim.Optimizer = timm.create_optimizer_v2(parameters, opt=options.name, **shared)
    return made


def _two(options: OptimizerOptions) -> tuple[float, float]:
    if len(options.betas) != 2:
        raise ConfigError(f"train.optimizer betas {list(options.betas)}: must be two numbers")
    return options.betas[0], options.betas[1]
