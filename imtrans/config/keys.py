"""Every configuration key that there is with the installed plugins: what it means, and who sets it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from imtrans.config.component_selection import WEIGHT
from imtrans.config.sources import layer_of_advice, layers_of_recipe
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import (
    LIST_SLOTS,
    Component,
    ComponentRef,
    DatasetInfo,
    MethodInfo,
    NetworkInfo,
    Slot,
    WeightedRef,
)
from imtrans.plugins.interval import Interval
from imtrans.plugins.options import NONE, OptionSpec, specs, to_plain
from imtrans.plugins.recipe import DataOptions, InferenceOptions, OptimizerOptions, ParameterGroupOptions, TrainOptions

_SECTIONS = {"data": DataOptions, "train": TrainOptions, "train.optimizer": OptimizerOptions}
_WEIGHTED = ("loss", "adversarial", "penalty")


@dataclass(frozen=True, kw_only=True)
class Key:
    """One dotted key; `owners` are the components that have this option, none for the keys of every run."""

    key: str
    spec: OptionSpec
    owners: tuple[str, ...] = ()


def all_keys(catalog: Catalog) -> list[Key]:
    """The keys of every run, then those of components by the slot that they fill.

    A key whose option is another one in other components comes once for each meaning.
    """
    merged: dict[tuple[str, str], Key] = {}
    for key, spec, owner in [*_of_every_run(), *_of_components(catalog)]:
        before = merged.get((key, repr(spec)), Key(key=key, spec=spec))
        owners = dict.fromkeys([*before.owners, *([owner] if owner else [])])
        merged[key, repr(spec)] = Key(key=key, spec=spec, owners=tuple(owners))
    return list(merged.values())


def settings(catalog: Catalog, key: str) -> list[tuple[str, Any]]:
    """Which recipes and data sets set a key, and to what."""
    values = []
    for entry in catalog.entries("recipe"):
        layer = layers_of_recipe(catalog, entry.name)[-1]
        leaves = [leaf for a in layer.assignments for leaf in _leaves(a.key, a.value)]
        values += [(f"recipe {entry.name}", value) for k, value in leaves if k == key]
    for entry in catalog.entries("dataset"):
        info = getattr(entry.thing, "info", None)
        advice = info.advice if isinstance(info, DatasetInfo) else {}
        values += [(f"data set {entry.name}", a.value) for a in layer_of_advice("", advice).assignments if a.key == key]
    return values


def example(catalog: Catalog, spec: OptionSpec) -> str:
    """A value other than the default, as --set takes it."""
    if spec.example:
        return spec.example
    if spec.item is ComponentRef and spec.kind:
        default = spec.default.name if isinstance(spec.default, ComponentRef) else ""
        return next((e.name for e in catalog.entries(spec.kind) if e.name != default), "NAME")
    if get_origin(spec.item) is Literal:
        return str(next(a for a in get_args(spec.item) if spec.default not in (a, (a,))))
    if spec.item in (int, float):
        return _other_number(spec)
    return {bool: text(spec.default is not True), Interval: '"1 epoch"'}.get(spec.item, "NAME")


def text(value: Any) -> str:
    """A value as people read it, and as --set takes it."""
    plain = to_plain(value)
    return NONE if plain is None else plain if isinstance(plain, str) else json.dumps(plain)


def values_in_words(spec: OptionSpec) -> str:
    """What the option takes: its type, its unit and its bounds."""
    low, high = (None if bound is None else f"{bound:g}" for bound in (spec.low, spec.high))
    bounds = f" from {low} to {high}" if low and high else f" from {low}" if low else f" to {high}" if high else ""
    return f"{spec.type_name}{bounds}{f', {spec.unit}' if spec.unit else ''}"


def _of_every_run() -> Iterator[tuple[str, OptionSpec, str]]:
    for section, options in {**_SECTIONS, "inference": InferenceOptions}.items():
        yield from ((f"{section}.{name}", spec, "") for name, spec in specs(options).items())


def _of_components(catalog: Catalog) -> Iterator[tuple[str, OptionSpec, str]]:
    slots = {"dataset": Slot(kind="dataset"), "method": Slot(kind="method"), **LIST_SLOTS}
    for entry in catalog.entries("method"):
        info = getattr(entry.thing, "info", None)
        if isinstance(info, MethodInfo):
            slots |= info.slots
            own = {n: s for n, s in specs(info.policy).items() if n not in specs(InferenceOptions)}
            yield from ((f"inference.{name}", spec, entry.name) for name, spec in own.items())
    for slot, place in slots.items():
        for entry in catalog.entries(place.kind):
            if isinstance(entry.thing, Component):
                options = {**({"weight": WEIGHT} if place.kind in _WEIGHTED else {}), **specs(entry.thing.options)}
                prefix = f"{slot}.{entry.name}" if place.many else slot
                yield from ((f"{prefix}.{name}", spec, entry.name) for name, spec in options.items())
                info = entry.thing.info
                for part in info.parameter_groups if isinstance(info, NetworkInfo) else ():
                    of_part = specs(ParameterGroupOptions).items()
                    yield from ((f"train.optimizer.{part}.{name}", spec, entry.name) for name, spec in of_part)


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The keys that a recipe's value sets: a component's name stands for its options as well."""
    many = isinstance(value, list | tuple) and bool(value) and all(isinstance(v, ComponentRef) for v in value)
    for ref in value if many else [value]:
        if isinstance(ref, ComponentRef):
            prefix = f"{key}.{ref.name}" if many else key
            yield from ((f"{prefix}.{name}", option) for name, option in ref.options.items())
            if isinstance(ref, WeightedRef):
                yield f"{key}.{ref.name}.weight", ref.weight
        elif not many:
            yield key, value


def _other_number(spec: OptionSpec) -> str:
    default = spec.default[0] if isinstance(spec.default, tuple) and spec.default else spec.default
    low, high = spec.low or 0, float("inf") if spec.high is None else spec.high
    base = default or low or 1
    value = next((v for v in (base * 2, base / 2, low, high) if low <= v <= high and v != default), base)
    number = f"{int(value) if spec.item is int else value:g}"
    is_list = isinstance(spec.default, tuple) and bool(spec.default)
    return f"[{', '.join([number] * len(spec.default))}]" if is_list else number
