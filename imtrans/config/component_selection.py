"""Which components a configuration has: the last layer that names one for a key decides."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from imtrans.config.schema import ResolvedComponent
from imtrans.config.sources import Layer, layer_of_advice, refs_of
from imtrans.errors import ConfigError
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import LIST_SLOTS, Component, ComponentRef, MethodInfo, Slot
from imtrans.plugins.defaults import default_dataset
from imtrans.plugins.options import OptionSpec, coerce, default_record, specs

WEIGHT = OptionSpec(name="weight", type=float, default=1.0, help="factor of this term")


@dataclasses.dataclass
class OptionTable:
    """The options of one section or component, with their values while these are collected."""

    key: str
    specs: dict[str, OptionSpec]
    values: dict[str, Any]
    owner: str = ""


class Draft(OptionTable):
    """A chosen component while the values of its options are collected; `owner` is its name."""

    def __init__(self, component: Component, name: str, key: str) -> None:
        # Not always `component.name`: "dist:name" must be found again when the run is restored.
        self.component = component
        self.is_weighted = component.kind in ("loss", "adversarial", "penalty")
        options = {**({"weight": WEIGHT} if self.is_weighted else {}), **specs(component.options)}
        super().__init__(key, options, {n: s.default for n, s in options.items()}, owner=name)

    def resolved(self, catalog: Catalog) -> ResolvedComponent:
        """The component with the values as they are now."""
        options = {k: v for k, v in self.values.items() if not (self.is_weighted and k == "weight")}
        return ResolvedComponent(
            component=self.component,
            name=self.owner,
            options=dataclasses.replace(default_record(self.component.options), **options),
            weight=self.values.get("weight", 1.0) if self.is_weighted else 1.0,
            inner=catalog.named_sets(self.specs.values(), self.values, where=self.key),
        )


class ComponentSelection:
    """The components by key ("dataset", "method", each slot, "augment", "metrics"), and where each was named.

    `layers` are the given ones after the advice of the chosen data sets. Raises ConfigError where a key that needs a
    component has none, or one is unknown.
    """

    def __init__(self, catalog: Catalog, recipe: str, layers: Sequence[Layer]) -> None:
        self.catalog, self.recipe, self.layers = catalog, recipe, list(layers)
        self.origins: dict[str, str] = {}
        self.drafts: dict[str, list[Draft]] = {}
        self._choose_dataset()
        self._choose("method", Slot(kind="method"))
        self.info: MethodInfo = self.drafts["method"][0].component.info
        for name, slot in self.info.slots.items():
            self._choose(name, slot, default=() if slot.many else None)
        for name, slot in LIST_SLOTS.items():
            self._choose(name, slot, default=())

    def resolved(self) -> dict[str, tuple[ResolvedComponent, ...]]:
        """The components by key, with their values as they are now."""
        return {key: tuple(d.resolved(self.catalog) for d in drafts) for key, drafts in self.drafts.items()}

    def _choose_dataset(self) -> None:
        paths = [a.path for layer in self.layers for a in layer.assignments]
        is_named = ("dataset",) in paths or ("dataset", "name") in paths
        default = None if is_named else (ComponentRef(default_dataset(self.catalog)),)
        self._choose("dataset", Slot(kind="dataset"), default=default)
        if any(layer.is_record for layer in self.layers):
            return  # what was advised then is in it; an option that came later keeps its default
        dataset = self.drafts["dataset"][0]
        for component in (*self._inner_datasets(dataset), dataset.component):  # the one inserted last is read first
            self.layers.insert(0, layer_of_advice(component.name, component.info.advice))

    def _inner_datasets(self, dataset: Draft) -> list[Component]:
        """The data sets from which the chosen one is to be made: their advice goes before its own."""
        option_values, where = dict(dataset.values), "dataset"
        of_datasets = {name for name, spec in dataset.specs.items() if spec.kind == "dataset"}
        for a in [a for layer in self.layers for a in layer.assignments if a.path[0] == "dataset"]:
            if len(a.path) == 1:
                assigned = dict(refs_of(a, many=False)[0].options)
            else:
                assigned = {".".join(a.path[1:]).removesuffix(".name"): a.value}
            for name in assigned.keys() & of_datasets:
                option_values[name], where = coerce(assigned[name], dataset.specs[name], where=a.where), a.where
        return list(self.catalog.named_sets(dataset.specs.values(), option_values, where=where).values())

    def _choose(self, key: str, slot: Slot, default: Sequence[ComponentRef] | None = None) -> None:
        chosen, where = None if default is None else [(ref, "default") for ref in default], key
        for layer in self.layers:
            for assignment in layer.assignments:
                if assignment.path in ((key,), (key, "name")):
                    refs, where = refs_of(assignment, many=slot.many), assignment.where
                    if assignment.is_added and not slot.many:
                        raise ConfigError(
                            f"{where}: {key} takes one {slot.kind}, and there is one", hint="Use =, not +=."
                        )
                    before = chosen or [] if assignment.is_added else []
                    chosen = [*before, *((ref, layer.origin) for ref in refs)]
        if chosen is None:
            raise ConfigError(
                f"recipe {self.recipe!r} says nothing of {key!r}", hint=f"Give a {slot.kind}: --set {key}=NAME"
            )
        drafts = []
        for ref, _ in chosen:
            component = self.catalog.component(slot.kind, ref.name, where=where)
            drafts.append(Draft(component, ref.name, f"{key}.{ref.name}" if slot.many else key))
        self.drafts[key] = drafts
        self.origins |= {draft.key: origin for draft, (_, origin) in zip(drafts, chosen, strict=True)}
        names = [draft.owner for draft in drafts]
        if len(set(names)) < len(names):  # keys of options could not say which of the two is meant
            raise ConfigError(f"{where}: {key} names one component twice: {', '.join(names)}")
