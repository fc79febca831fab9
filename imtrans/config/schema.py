"""The resolved configuration of a run: every value typed, checked, and with its origin."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from imtrans.plugins.component import Component, ComponentRef, Direction, Kind, MethodInfo
from imtrans.plugins.options import NONE, located, refs, specs, to_plain
from imtrans.plugins.recipe import DataOptions, OptimizerOptions, ParameterGroupOptions, TrainOptions


@dataclass(frozen=True, kw_only=True)
class ResolvedComponent:
    """A component chosen for a key, with all its option values; `name` as it was written (maybe dist:name).

    `inner` holds the data sets that a data set's own options name: loading processes, which have no catalog, make them.
    """

    component: Component
    name: str
    options: Any
    weight: float = 1.0
    inner: Mapping[str, Component] = field(default_factory=dict)

    @property
    def is_weighted(self) -> bool:
        """Whether it is a term of a sum, and `weight` counts."""
        return self.component.kind in ("loss", "adversarial", "penalty")

    def uses(self) -> Iterator[tuple[str, str]]:
        """Its kind and name, and those of the components that its options name."""
        yield self.component.kind, self.name
        yield from ((kind, ref.name) for kind, ref in self.refs())

    def refs(self) -> Iterator[tuple[Kind, ComponentRef]]:
        """The components that its options name, each with its kind."""
        for spec in specs(self.component.options).values():
            if spec.kind:
                yield from ((spec.kind, ref) for ref in refs(spec, getattr(self.options, spec.name)))

    def tree(self, *, unset: bool = False) -> dict[str, Any]:
        """Name, weight and options as TOML and JSON can hold them; an unset value is "none", or None with `unset`."""
        # TOML has no null, and a key that is left out would take the default of a later release.
        weight = {"weight": self.weight} if self.is_weighted else {}
        return {"name": self.name, **weight, **_plain(self.options, unset)}


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One run, resolved.

    `parts` holds the components of each slot of the method, `origins` the origin of the value of each dotted key.
    `dropped` has one line for each value that applies to nothing that was chosen: advice, and options of components
    that a later layer replaced. `renamed` has one line for each option that was set by a former name.
    """

    recipe: str
    method: ResolvedComponent
    parts: Mapping[str, Sequence[ResolvedComponent]]
    augment: Sequence[ResolvedComponent]
    metrics: Sequence[ResolvedComponent]
    observers: Sequence[ResolvedComponent] = ()
    dataset: ResolvedComponent
    data: DataOptions
    train: TrainOptions
    optimizers: Mapping[str, OptimizerOptions]
    inference: Any
    parameter_groups: Mapping[str, ParameterGroupOptions] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    dropped: Sequence[str] = ()
    renamed: Sequence[str] = ()

    @property
    def info(self) -> MethodInfo:
        """What the method declares."""
        info: MethodInfo = self.method.component.info
        return info

    @property
    def direction(self) -> Direction:
        """Which side is the source: `data.direction`, else the data set's."""
        # `info` is Any: plugins declare one of three classes there.
        direction: Direction = self.data.direction or self.dataset.component.info.direction
        return direction

    def uses(self) -> set[tuple[str, str]]:
        """Kind and name of every component that is chosen or that an option names."""
        return {use for component in self._chosen() for use in component.uses()}

    def refs(self) -> Iterator[tuple[Kind, ComponentRef]]:
        """The components that options name, each with its kind."""
        return (ref for component in self._chosen() for ref in component.refs())

    def _chosen(self) -> list[ResolvedComponent]:
        parts = (component for slot in self.parts.values() for component in slot)
        return [self.method, self.dataset, *parts, *self.augment, *self.metrics, *self.observers]

    def tree(self, *, unset: bool = False) -> dict[str, Any]:
        """The whole configuration as nested plain values: what config.toml and a checkpoint hold."""
        slots = {slot: self._slot(slot, unset) for slot in self.parts}
        groups = {**self.optimizers, **self.parameter_groups}
        optimizer = {group: _plain(options, unset) for group, options in groups.items()}
        return {
            "recipe": self.recipe,
            "method": self.method.tree(unset=unset),
            **slots,
            "augment": [c.tree(unset=unset) for c in self.augment],
            "metrics": [c.tree(unset=unset) for c in self.metrics],
            "observers": [c.tree(unset=unset) for c in self.observers],
            "dataset": self.dataset.tree(unset=unset),
            "data": _plain(self.data, unset),
            "train": {**_plain(self.train, unset), "optimizer": optimizer},
            "inference": _plain(self.inference, unset),
        }

    def _slot(self, slot: str, unset: bool) -> Any:
        trees = [c.tree(unset=unset) for c in self.parts[slot]]
        return trees if self.info.slots[slot].many else trees[0]

    def rows(self) -> Iterator[tuple[str, Any, str]]:
        """Every key with its value and origin, in the order of `tree`."""
        # Not `flatten`: these keys are those of --set, which addresses the components of a list by their names.
        for key, value in _flat(self.tree(unset=True), ()):
            yield key, value, self.origins.get(key, "default")


def flatten(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The leaves of nested tables with their paths; lists are leaves, empty tables are nothing.

    A table's `name` comes first, wherever it stands: the other keys are options of what it names.
    """
    for key, value in sorted(tree.items(), key=lambda item: item[0] != "name"):
        if isinstance(value, Mapping):
            yield from flatten(value, (*path, key))
        else:
            yield (*path, key), value


def _plain(options: Any, unset: bool) -> dict[str, Any]:
    return {k: to_plain(NONE if v is None and not unset else v) for k, v in located(options).items()}


def _flat(tree: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        entries = {e["name"]: e for e in value} if not path and _is_entries(value) else None
        if entries:
            for name, entry in entries.items():
                yield ".".join((*path, key, name)), name
                yield from _flat({k: v for k, v in entry.items() if k != "name"}, (*path, key, name))
        elif isinstance(value, Mapping) and not path:
            if "name" in value:
                yield key, value["name"]
            yield from _flat({k: v for k, v in value.items() if k != "name"}, (key,))
        elif isinstance(value, Mapping) and path[0] == "train":
            yield from _flat(value, (*path, key))
        else:
            yield ".".join((*path, key)), value


def _is_entries(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) and "name" in v for v in value)
