"""Which optimiser trains which parameters, and which of them in a way of their own."""

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from torch import nn

from imtrans.engine.build import Model
from imtrans.errors import ConfigError, PluginError, join_names, nearest
from imtrans.plugins.component import NetworkInfo
from imtrans.plugins.interval import Interval

FIXED_FOR = "fixed_for"  # the key, in `divided_groups`, of the time for which one is not trained


def parameter_groups(model: Model) -> dict[str, list[nn.Parameter]]:
    """The trainable parameters of each optimizer group, in the order of the slots.

    PluginError for a network that is no slot's, which would be saved and never trained, and for a group without
    parameters.
    """
    groups: dict[str, list[nn.Parameter]] = {}
    slots = model.config.info.slots
    for name, network in model.networks.items():
        if name not in slots:
            raise PluginError(
                f"method {model.config.method.name!r}: network {name!r} is none of its slots{nearest(name, slots)}",
                hint=f"Declare a slot for it, with an optimizer group; the slots are {join_names(slots)}.",
            )
        if slots[name].group:
            groups.setdefault(str(slots[name].group), []).extend(p for p in network.parameters() if p.requires_grad)
    empty = next((name for name, parameters in groups.items() if not parameters), None)
    if empty:
        raise PluginError(
            f"method {model.config.method.name!r}: optimizer group {empty!r} has no trainable parameters",
            hint="A network that is never trained belongs to a slot without a group.",
        )
    return groups


def divided_groups(model: Model, parameters: Sequence[nn.Parameter], *, group: str) -> list[dict[str, Any]]:
    """The parameters of an optimiser as torch's groups: the rest first, then each part that has settings of its own.

    PluginError for a network that does not give the parts that its component declares.
    """
    parts, left = dict[str, list[nn.Parameter]](), {id(p): p for p in parameters}
    for name, slot in model.config.info.slots.items():
        if slot.group == group and name in model.networks:
            for part, of_part in _parts_of(model, name).items():
                trained = [left.pop(id(p)) for p in of_part if id(p) in left]
                parts.setdefault(part, []).extend(trained)
    rest = [{"params": list(left.values())}] if left else []
    return [*rest, *(_group(model, part, trained) for part, trained in parts.items() if trained)]


def first_step(fixed: Interval | None, *, epoch: int) -> int:
    """The first step (from 0) in which a part is trained that is fixed for so long; an epoch has so many steps."""
    if fixed is None:
        return 0
    return math.ceil(Fraction(str(fixed.amount)) * (epoch if fixed.unit == "epochs" else 1))


def _parts_of(model: Model, slot: str) -> Mapping[str, Iterable[nn.Parameter]]:
    component = model.config.parts[slot][0].component
    declared = component.info.parameter_groups if isinstance(component.info, NetworkInfo) else ()
    if not declared:
        return {}
    own = getattr(model.networks[slot], "parameter_groups", None)
    given: Mapping[str, Iterable[nn.Parameter]] = own() if callable(own) else {}
    if set(given) != set(declared):
        raise PluginError(
            f"{component.kind} {component.name!r} declares the parameter groups {join_names(declared)}, and its "
            f"network's parameter_groups() gives {join_names(given) or 'none'}",
            hint="Both must have the same names (imtrans.NetworkInfo).",
        )
    return given


def _group(model: Model, part: str, parameters: list[nn.Parameter]) -> dict[str, Any]:
    options = model.config.parameter_groups[part]
    if options.fixed_for and options.fixed_for.unit == "minutes":
        what = f"train.optimizer.{part}.fixed_for {options.fixed_for}: the clock would decide what is trained"
        raise ConfigError(what, hint=f'Give steps or epochs: --set train.optimizer.{part}.fixed_for="1 epoch"')
    own = {"lr": options.lr, "weight_decay": options.weight_decay, FIXED_FOR: options.fixed_for}
    return {"params": parameters, **{name: value for name, value in own.items() if value is not None}}
