"""The values of all options: each layer sets its own over those of the layers before it."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from imtrans.config.component_selection import ComponentSelection, Draft, OptionTable
from imtrans.config.sources import Assignment, Layer, check_exclusive, nested, refs_of
from imtrans.config.synonyms import suggestion
from imtrans.errors import ConfigError, join_names, nearest
from imtrans.plugins.component import ComponentRef, NetworkInfo, WeightedRef
from imtrans.plugins.options import OptionSpec, coerce, default_record, specs, values
from imtrans.plugins.recipe import DataOptions, OptimizerOptions, ParameterGroupOptions, TrainOptions

_OPTIMIZER, _GROUP = ("train", "optimizer"), "train.optimizer."


class OptionValues:
    """The sections `data`, `train`, `inference` and the options of the selected components, with their origins.

    What nothing takes is a ConfigError, unless it is only advice, or meant for a component that was not selected;
    then `dropped` says so.
    """

    def __init__(self, selection: ComponentSelection) -> None:
        self.selection, self.drafts = selection, selection.drafts
        self.origins, self.dropped, self.renamed = dict(selection.origins), list[str](), list[str]()
        records, self.groups, self.parts = _default_records(selection)
        self.sections = {key: OptionTable(key, specs(o), values(o)) for key, o in records.items()}

    def apply(self, layer: Layer) -> None:
        """Set what the layer says. ConfigError names the key as the user wrote it."""
        check_exclusive(layer)
        # In a layer a value for one optimiser group takes precedence over one for all groups, whatever their order.
        for assignment in sorted(layer.assignments, key=lambda a: a.path[:2] == _OPTIMIZER and len(a.path) > 3):
            head, *rest = assignment.path
            _check_addition(assignment, self.drafts)
            if head in self.drafts:
                self._apply_to_components(assignment, layer)
            elif head in ("data", "train", "inference") and rest:
                for section in self._sections_of(assignment, layer):
                    self._assign(section, assignment.path[-1], assignment, layer)
            else:
                others = f"; there are {join_names([*self.drafts, 'data', 'train', 'inference'])}"
                guess = _guess(assignment.key, self._all_keys()) or others
                self._refuse(assignment, layer, f"no key {assignment.key!r}{guess}")

    def record(self, section: str, default: Any) -> Any:
        """The options record of a section, with the values as they are now."""
        return dataclasses.replace(default, **self.sections[section].values)

    def optimizers(self) -> dict[str, OptimizerOptions]:
        """The optimiser options by group."""
        return {group: OptimizerOptions(**self.sections[f"{_GROUP}{group}"].values) for group in self.groups}

    def parameter_groups(self) -> dict[str, ParameterGroupOptions]:
        """The options of the parts of networks that are trained in their own way, by name."""
        return {part: ParameterGroupOptions(**self.sections[f"{_GROUP}{part}"].values) for part in self.parts}

    def _sections_of(self, assignment: Assignment, layer: Layer) -> list[OptionTable]:
        key = ".".join(assignment.path[:-1])
        if assignment.path[:-1] == _OPTIMIZER:
            return [self.sections[f"{_GROUP}{group}"] for group in self.groups]
        if key not in self.sections:
            groups = f"; the optimiser groups are {join_names([*self.groups, *self.parts])}"
            guess = _guess(assignment.key, self._all_keys()) or (groups if "optimizer" in key else "")
            is_soft = layer.is_recipe and assignment.path[:2] == _OPTIMIZER  # the rate of a part of a network
            self._refuse(assignment, layer, f"no key {assignment.key!r}{guess}", is_soft=is_soft)
            return []
        return [self.sections[key]]

    def _apply_to_components(self, assignment: Assignment, layer: Layer) -> None:
        drafts = self.drafts[assignment.path[0]]
        is_many = not drafts or any(draft.key != assignment.path[0] for draft in drafts)
        if len(assignment.path) == 1:
            for ref in refs_of(assignment, many=True):
                for draft in [d for d in drafts if d.owner == ref.name or not is_many]:
                    self._apply_ref(draft, ref, assignment, layer)
        elif assignment.path[1:] != ("name",):  # the selection has read the names
            draft_and_field = _addressed(assignment, drafts, is_many=is_many)
            if draft_and_field:
                self._set_option(*draft_and_field, assignment, layer)
            else:
                self._refuse(assignment, layer, _not_held(assignment, [d.owner for d in drafts]))

    def _apply_ref(self, draft: Draft, ref: ComponentRef, assignment: Assignment, layer: Layer) -> None:
        weight = {"weight": ref.weight} if isinstance(ref, WeightedRef) else {}
        for name, value in {**ref.options, **weight}.items():
            path, where = (*assignment.path, name), f"{assignment.where}.{name}"
            self._set_option(draft, (name,), Assignment(path, value, where), layer)

    def _set_option(self, draft: Draft, field: tuple[str, ...], assignment: Assignment, layer: Layer) -> None:
        if len(field) > 1 and field[0] in draft.specs and draft.specs[field[0]].item is ComponentRef:
            assignment = dataclasses.replace(assignment, value=nested(draft.values[field[0]], field[1:], assignment))
        elif len(field) > 1:
            self._refuse(assignment, layer, f"{field[0]!r} of {draft.owner} has no keys of its own")
            return
        # A recipe's options of its own generator say nothing of the one that a flag chose: dropped, if they do not fit.
        is_soft = layer.is_advice or not _is_named_by(layer, draft, assignment.path[0])
        self._assign(draft, field[0], assignment, layer, is_soft=is_soft)

    def _assign(
        self, table: OptionTable, field: str, assignment: Assignment, layer: Layer, *, is_soft: bool = False
    ) -> None:
        known = table.specs
        former, (field, assignment) = field, _renamed(field, assignment, known)
        if field != former and not layer.is_record:
            self.renamed.append(f"{assignment.where}: the option is now called {field!r}")
        if field not in known:
            guess = nearest(field, known) or suggestion(field, self._all_keys()) or _those_of(known)
            owner = f" in {table.owner}" if table.owner else ""
            self._refuse(assignment, layer, f"no option {field!r}{owner}{guess}", is_soft=is_soft)
            return
        try:
            value = coerce(assignment.value, known[field], where=assignment.where)
            self.selection.catalog.check_refs(known[field], value, where=assignment.where)
        except ConfigError as error:
            if not (is_soft or layer.is_advice):
                raise
            self.dropped.append(f"{assignment.key} ({layer.origin}): {error.what}")
            return
        table.values[field] = value
        self.origins[f"{table.key}.{field}"] = layer.origin
        # The later of the two layers decides how long the run is, whichever of the two keys it uses.
        if table.key == "train" and field in ("epochs", "steps") and value is not None:
            other = "steps" if field == "epochs" else "epochs"
            table.values[other] = None
            self.origins[f"train.{other}"] = layer.origin

    def _refuse(self, assignment: Assignment, layer: Layer, fault: str, *, is_soft: bool = False) -> None:
        if not (is_soft or layer.is_advice):
            raise ConfigError(f"{assignment.where}: {fault}")
        self.dropped.append(f"{assignment.key} ({layer.origin}): {fault}")

    def _all_keys(self) -> list[str]:
        tables = [*(d for drafts in self.drafts.values() for d in drafts), *self.sections.values()]
        return [*self.drafts, *(f"{table.key}.{name}" for table in tables for name in table.specs)]


def _default_records(selection: ComponentSelection) -> tuple[dict[str, Any], list[str], list[str]]:
    """The options by section where nothing sets them; the optimiser groups, and the parts of networks, by name."""
    info = selection.info
    groups = list(dict.fromkeys(slot.group for slot in info.slots.values() if slot.group))
    # 200 epochs are the paper's, for data sets that advise nothing.
    records = {"data": DataOptions(), "train": TrainOptions(epochs=200), "inference": default_record(info.policy)}
    records |= {f"{_GROUP}{group}": OptimizerOptions() for group in groups}
    parts = _parts_of_networks(selection, groups)
    return {**records, **{f"{_GROUP}{part}": ParameterGroupOptions() for part in parts}}, groups, parts


def _parts_of_networks(selection: ComponentSelection, groups: Iterable[str]) -> list[str]:
    """The names that the chosen networks give to parts of them. ConfigError for the name of an optimiser group."""
    trained = [draft for slot, s in selection.info.slots.items() if s.group for draft in selection.drafts[slot]]
    parts = dict[str, None]()
    for draft in trained:
        info = draft.component.info
        for part in info.parameter_groups if isinstance(info, NetworkInfo) else ():
            if part in groups:
                what = f"{draft.component.kind} {draft.owner!r} names a part of it {part!r}"
                raise ConfigError(f"{what}, and the method has an optimiser of that name", hint="Tell its authors.")
            parts[part] = None
    return list(parts)


def _check_addition(assignment: Assignment, lists: Iterable[str]) -> None:
    if assignment.is_added and assignment.key not in lists:
        what = f"{assignment.where}: += adds components to a list"
        raise ConfigError(what, hint="For example: --set reconstruction+=mse; of another value use =.")


def _guess(key: str, known: list[str]) -> str:
    return suggestion(key, known) or nearest(key, known)


def _those_of(known: Mapping[str, OptionSpec]) -> str:
    return f"; it has {join_names(known)}" if known else "; it has none"


def _addressed(assignment: Assignment, drafts: list[Draft], *, is_many: bool) -> tuple[Draft, tuple[str, ...]] | None:
    """The component that a key means, and the rest of the key; None where no component of that name is selected."""
    rest = assignment.path[1:]
    matches = [draft for draft in drafts if draft.owner == rest[0]]
    if is_many and matches and len(rest) > 1:
        return matches[0], rest[1:]
    return (drafts[0], rest) if len(drafts) == 1 and (not is_many or len(rest) == 1) else None


def _is_named_by(layer: Layer, draft: Draft, key: str) -> bool:
    """Whether this layer means the component that was chosen: it names it, or names none."""
    refs = [
        ref
        for assignment in layer.assignments
        if assignment.path in ((key,), (key, "name"))
        for ref in refs_of(assignment, many=True)
    ]
    return not refs or draft.owner in [ref.name for ref in refs]


def _renamed(field: str, assignment: Assignment, known: Mapping[str, OptionSpec]) -> tuple[str, Assignment]:
    """The option's present name, with the present value, for one that an earlier release wrote."""
    for spec in known.values():
        if field in spec.former:
            new_values = spec.former[field]
            value = new_values.get(assignment.value, assignment.value) if new_values else assignment.value
            return spec.name, dataclasses.replace(assignment, value=value)
    return field, assignment


def _not_held(assignment: Assignment, names: Sequence[str]) -> str:
    key, name = assignment.path[:2]
    if name in names:
        return f"{name!r} is a component; give one of its options: {key}.{name}.OPTION"
    guess = nearest(name, names) or f"; it holds {join_names(names) or 'nothing'}"
    return f"{key} has no {name!r}{guess}"
