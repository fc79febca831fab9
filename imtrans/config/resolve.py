"""From recipe, advice, file and command line to one RunConfig."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from imtrans.config.schema import ResolvedComponent, RunConfig, flatten
from imtrans.config.sources import (
    Assignment,
    Layer,
    check_exclusive,
    layer_of_advice,
    layers_of_recipe,
    nested,
    refs_of,
)
from imtrans.errors import ConfigError, join_names, nearest
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import Component, ComponentRef, Kind, MethodInfo, Slot, WeightedRef
from imtrans.plugins.options import OptionSpec, coerce, default_record, specs, values
from imtrans.plugins.recipe import DataOptions, OptimizerOptions, TrainOptions

DEFAULT_DATASET = "toy"
_WEIGHT = OptionSpec(name="weight", type=float, default=1.0, help="factor of this term")


def resolve(
    catalog: Catalog, recipe: str, *, dataset: ComponentRef | None = None, layers: Iterable[Layer] = ()
) -> RunConfig:
    """defaults < the data set's advice < the recipe < `layers` in order, checked against what is installed.

    `dataset` is the one asked for by name or path; it goes before the layers'. Raises ConfigError naming the key as
    the user wrote it, PluginError for a name that several plugins share.
    """
    base = layers_of_recipe(catalog, recipe)
    mine = list(layers)
    if dataset:
        mine.append(Layer("flag", [Assignment(("dataset",), dataset, "--dataset")]))
    return _Resolution(catalog, recipe, [*base, *mine]).config()


def restore(catalog: Catalog, tree: Mapping[str, Any], *, origin: str, layers: Iterable[Layer] = ()) -> RunConfig:
    """The configuration that `RunConfig.tree` gave, without the recipe that it came from, and `layers` on top."""
    keys = flatten({k: v for k, v in tree.items() if k != "recipe"})
    leaves = [Assignment(path, value, f"{origin}: {'.'.join(path)}") for path, value in keys]
    return _Resolution(catalog, str(tree.get("recipe", "")), [Layer(origin, leaves, is_record=True), *layers]).config()


class _Draft:
    """A chosen component while its values are being collected."""

    def __init__(self, component: Component, name: str, key: str) -> None:
        self.component, self.name, self.key = component, name, key
        self.specs = specs(component.options)
        self.is_weighted = component.kind in ("loss", "adversarial", "penalty")
        if self.is_weighted:
            self.specs = {"weight": _WEIGHT, **self.specs}
        self.values = {n: s.default for n, s in self.specs.items()}

    def choice(self, catalog: Catalog) -> ResolvedComponent:
        options = {k: v for k, v in self.values.items() if not (self.is_weighted and k == "weight")}
        made = dataclasses.replace(default_record(self.component.options), **options)
        inner = catalog.named_sets(self.specs.values(), self.values, where=self.key)
        weight = self.values.get("weight", 1.0)
        return ResolvedComponent(component=self.component, name=self.name, options=made, weight=weight, inner=inner)


class _Resolution:
    """One pass: first the names of all components, then every option in the order of the layers."""

    def __init__(self, catalog: Catalog, recipe: str, layers: Sequence[Layer]) -> None:
        self.catalog, self.recipe, self.layers = catalog, recipe, list(layers)
        self.origins: dict[str, str] = {}
        self.dropped: list[str] = []
        self.groups: dict[str, list[_Draft]] = {}
        self.sections: dict[str, dict[str, OptionSpec]] = {}
        self.values: dict[str, dict[str, Any]] = {}

    def config(self) -> RunConfig:
        info = self._choose_components()
        self._open_sections(info)
        for layer in self.layers:
            check_exclusive(layer)
            for a in sorted(layer.assignments, key=lambda a: a.path[:2] == ("train", "optimizer") and len(a.path) > 3):
                self._apply(a, layer)
        if self.values["train"]["epochs"] is None and self.values["train"]["steps"] is None:
            raise ConfigError("neither train.epochs nor train.steps is set", hint="Give one: --epochs N or --steps N")
        return self._assembled(info)

    def _choose_components(self) -> MethodInfo:
        dataset = self._choose("dataset", Slot(kind="dataset"), default=(ComponentRef(DEFAULT_DATASET),))[0]
        for one in (*self._named_sets(dataset), dataset.component):  # the one inserted last says it first
            self.layers.insert(0, layer_of_advice(one.name, one.info.advice))
        method = self._choose("method", Slot(kind="method"))[0]
        info: MethodInfo = method.component.info
        for slot, wanted in info.slots.items():
            self._choose(slot, wanted, default=() if wanted.many else None)
        self._choose("augment", Slot(kind="augmentation", many=True), default=())
        self._choose("metrics", Slot(kind="metric", many=True), default=())
        return info

    def _named_sets(self, dataset: _Draft) -> list[Component]:
        """The data sets that the chosen one is to be made from: their advice goes before its own."""
        told, where = dict(dataset.values), "dataset"
        for a in (a for layer in self.layers for a in layer.assignments if a.path[0] == "dataset"):
            given = {".".join(a.path[1:]).removesuffix(".name"): a.value}
            if len(a.path) == 1:
                given = dict(refs_of(a, many=False)[0].options)
            for name in given.keys() & {s.name for s in dataset.specs.values() if s.kind == "dataset"}:
                told[name], where = coerce(given[name], dataset.specs[name], where=a.where), a.where
        return list(self.catalog.named_sets(dataset.specs.values(), told, where=where).values())

    def _choose(self, group: str, slot: Slot, default: Sequence[ComponentRef] | None = None) -> list[_Draft]:
        chosen, origin, where = default, "default", group
        for layer in self.layers:
            for a in layer.assignments:
                if a.path in ((group,), (group, "name")):
                    chosen, origin, where = refs_of(a, many=slot.many), layer.origin, a.where
        if chosen is None:
            raise ConfigError(
                f"recipe {self.recipe!r} says nothing of {group!r}", hint=f"Give a {slot.kind}: --set {group}=NAME"
            )
        self.groups[group] = [self._draft(group, slot.kind, use, slot.many, where) for use in chosen]
        for draft in self.groups[group]:
            self.origins[draft.key] = origin
        names = [d.name for d in self.groups[group]]
        if len(set(names)) < len(names):
            raise ConfigError(f"{where}: {group} names one component twice: {', '.join(names)}")
        return self.groups[group]

    def _draft(self, group: str, kind: Kind, use: ComponentRef, many: bool, where: str) -> _Draft:
        component = self.catalog.component(kind, use.name, where=where)
        return _Draft(component, use.name, f"{group}.{use.name}" if many else group)

    def _open_sections(self, info: MethodInfo) -> None:
        groups = dict.fromkeys(s.group for s in info.slots.values() if s.group)
        opened = {"data": DataOptions(), "train": TrainOptions(epochs=200), "inference": default_record(info.policy)}
        opened |= {f"train.optimizer.{g}": OptimizerOptions() for g in groups}
        for name, options in opened.items():
            self.sections[name] = specs(options)
            self.values[name] = values(options)

    def _apply(self, a: Assignment, layer: Layer) -> None:
        head, *rest = a.path
        if head in self.groups:
            self._apply_to_group(a, layer)
        elif head in ("data", "train", "inference") and rest:
            for section in self._sections_of(a, layer):
                self._assign(section, self.sections[section], self.values[section], a, layer, field=a.path[-1])
        else:
            known = [*self.groups, "data", "train", "inference"]
            self._refuse(
                a, layer, f"no key {a.key!r}{nearest(a.key, self._all_keys()) or f'; there are {join_names(known)}'}"
            )

    def _sections_of(self, a: Assignment, layer: Layer) -> list[str]:
        section = ".".join(a.path[:-1])
        if section == "train.optimizer":
            return [s for s in self.sections if s.startswith("train.optimizer.")]
        if section not in self.sections:
            groups = [s.rpartition(".")[2] for s in self.sections if s.startswith("train.optimizer.")]
            hint = f"; the optimiser groups are {join_names(groups)}" if "optimizer" in section else ""
            self._refuse(a, layer, f"no key {a.key!r}{nearest(a.key, self._all_keys()) or hint}")
            return []
        return [section]

    def _apply_to_group(self, a: Assignment, layer: Layer) -> None:
        group, drafts = a.path[0], self.groups[a.path[0]]
        is_many = any(d.key != group for d in drafts) or not drafts
        if len(a.path) == 1:
            for use in refs_of(a, many=True):
                for draft in [d for d in drafts if d.name == use.name or not is_many]:
                    self._apply_use(draft, use, a, layer)
        elif a.path[1:] != ("name",):
            found = self._entry(a, drafts, is_many=is_many)
            if found:
                self._set_option(*found, a, layer)
            else:
                self._refuse(a, layer, _not_held(a, [d.name for d in drafts]))

    def _apply_use(self, draft: _Draft, use: ComponentRef, a: Assignment, layer: Layer) -> None:
        given = {**use.options, **({"weight": use.weight} if isinstance(use, WeightedRef) else {})}
        for name, value in given.items():
            whole = dataclasses.replace(a, path=(*a.path, name), value=value, where=f"{a.where}.{name}")
            self._set_option(draft, (name,), whole, layer)

    def _entry(self, a: Assignment, drafts: list[_Draft], *, is_many: bool) -> tuple[_Draft, tuple[str, ...]] | None:
        """What of a group is meant, and the rest of the key; None where the group holds no such thing."""
        rest = a.path[1:]
        named = [d for d in drafts if d.name == rest[0]]
        if is_many and named and len(rest) > 1:
            return named[0], rest[1:]
        return (drafts[0], rest) if len(drafts) == 1 and (not is_many or len(rest) == 1) else None

    def _set_option(self, draft: _Draft, field: tuple[str, ...], a: Assignment, layer: Layer) -> None:
        if len(field) == 2 and field[0] in draft.specs and draft.specs[field[0]].item is ComponentRef:
            a = dataclasses.replace(a, value=nested(draft.values[field[0]], field[1], a))
        elif len(field) > 1:
            self._refuse(a, layer, f"{field[0]!r} of {draft.name} has no keys of its own")
            return
        is_soft = layer.is_advice or not self._is_named_by(layer, draft, a.path[0])
        self._assign(draft.key, draft.specs, draft.values, a, layer, field=field[0], soft=is_soft, owner=draft.name)

    def _is_named_by(self, layer: Layer, draft: _Draft, group: str) -> bool:
        """Whether this layer means the component that was chosen: it names it, or names none."""
        uses = [u for a in layer.assignments if a.path in ((group,), (group, "name")) for u in refs_of(a, many=True)]
        return not uses or draft.name in [u.name for u in uses]

    def _assign(
        self,
        prefix: str,
        known: Mapping[str, OptionSpec],
        target: dict[str, Any],
        a: Assignment,
        layer: Layer,
        *,
        field: str,
        soft: bool = False,
        owner: str = "",
    ) -> None:
        if layer.is_record:
            field, a = _renamed(field, a, known)
        if field not in known:
            guess = nearest(field, known) or (f"; it has {join_names(known)}" if known else "; it has none")
            self._refuse(a, layer, f"no option {field!r}{f' in {owner}' if owner else ''}{guess}", soft=soft)
            return
        try:
            value = coerce(a.value, known[field], where=a.where)
            self.catalog.check_refs(known[field], value, where=a.where)
        except ConfigError as error:
            if not (soft or layer.is_advice):
                raise
            self.dropped.append(f"{a.key} ({layer.origin}): {error.what}")
            return
        target[field] = value
        self.origins[f"{prefix}.{field}"] = layer.origin
        if prefix == "train" and field in ("epochs", "steps") and value is not None:
            other = "steps" if field == "epochs" else "epochs"
            target[other] = None
            self.origins[f"train.{other}"] = layer.origin

    def _refuse(self, a: Assignment, layer: Layer, fault: str, *, soft: bool = False) -> None:
        if not (soft or layer.is_advice):
            raise ConfigError(f"{a.where}: {fault}")
        self.dropped.append(f"{a.key} ({layer.origin}): {fault}")

    def _all_keys(self) -> list[str]:
        options = [f"{d.key}.{name}" for drafts in self.groups.values() for d in drafts for name in d.specs]
        return [*self.groups, *options, *(f"{s}.{name}" for s, known in self.sections.items() for name in known)]

    def _assembled(self, info: MethodInfo) -> RunConfig:
        chosen = {group: tuple(d.choice(self.catalog) for d in drafts) for group, drafts in self.groups.items()}
        optimizers = {
            s.removeprefix("train.optimizer."): OptimizerOptions(**v)
            for s, v in self.values.items()
            if s.startswith("train.optimizer.")
        }
        return RunConfig(
            recipe=self.recipe,
            method=chosen["method"][0],
            parts={slot: chosen[slot] for slot in info.slots},
            augment=chosen["augment"],
            metrics=chosen["metrics"],
            dataset=chosen["dataset"][0],
            data=DataOptions(**self.values["data"]),
            train=TrainOptions(**self.values["train"]),
            optimizers=optimizers,
            inference=dataclasses.replace(default_record(info.policy), **self.values["inference"]),
            origins=self.origins,
            dropped=tuple(self.dropped),
        )


def _renamed(field: str, a: Assignment, known: Mapping[str, OptionSpec]) -> tuple[str, Assignment]:
    """The option's name of today, with the value of today, for one that an earlier release wrote."""
    for spec in known.values():
        if field in spec.former:
            became = spec.former[field]
            return spec.name, dataclasses.replace(a, value=became.get(a.value, a.value) if became else a.value)
    return field, a


def _not_held(a: Assignment, names: Sequence[str]) -> str:
    group, name = a.path[:2]
    if name in names:
        return f"{name!r} is a component; give one of its options: {group}.{name}.OPTION"
    guess = nearest(name, names) or f"; it holds {join_names(names) or 'nothing'}"
    return f"{group} has no {name!r}{guess}"
