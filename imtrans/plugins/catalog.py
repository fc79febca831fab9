"""What all plugins together offer, by kind and name."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from imtrans.errors import ConfigError, ImtransError, PluginError, join_names, nearest
from imtrans.plugins.component import KINDS, Component, Kind
from imtrans.plugins.discovery import DISTRIBUTION, PluginRecord, Provided
from imtrans.plugins.options import OptionSpec, coerce, refs, specs
from imtrans.plugins.recipe import Recipe

LISTED_KINDS: tuple[str, ...] = ("recipe", *KINDS, "protocol")


@dataclasses.dataclass(frozen=True)
class CatalogEntry:
    """One thing offered, with the plugin it comes from. `is_plain`: reached by its bare name."""

    kind: str
    thing: Provided
    plugin: PluginRecord
    is_plain: bool = True

    @property
    def name(self) -> str:
        return self.thing.name if self.is_plain else f"{self.plugin.distribution}:{self.thing.name}"


class Catalog:
    """Everything on offer. A shipped name stays the built-in's; a name shared by others is ambiguous."""

    def __init__(self, records: Iterable[PluginRecord]) -> None:
        self._records = tuple(records)
        self._offers: dict[tuple[str, str], list[CatalogEntry]] = {}
        for record in self._records:
            for thing in record.provided:
                self._offers.setdefault((_kind_of(thing), thing.name), []).append(
                    CatalogEntry(_kind_of(thing), thing, record)
                )

    def entries(self, kind: str | None = None) -> Iterator[CatalogEntry]:
        """Every offer by kind and name; those not reached by their bare name are marked so."""
        for (offered, _), same in sorted(self._offers.items(), key=lambda i: (LISTED_KINDS.index(i[0][0]), i[0][1])):
            if kind in (None, offered):
                yield from (dataclasses.replace(o, is_plain=o in self._plain(same)) for o in same)

    def clashes(self) -> list[str]:
        """One line for each name that several plugins offer."""
        shared = [(name, same) for (_, name), same in self._offers.items() if len(same) > 1]
        return [f"{name!r} is offered by {_who(same)}; {self._who_has_it(name, same)}" for name, same in shared]

    def component(self, kind: Kind, name: str, *, where: str = "") -> Component:
        """The component of this kind and name ("dist:name" to choose); errors begin with `where`."""
        thing = self.entry(kind, name, where=where).thing
        assert isinstance(thing, Component)
        return thing

    def recipe(self, name: str) -> Recipe:
        thing = self.entry("recipe", name).thing
        assert isinstance(thing, Recipe)
        return thing

    def entry(self, kind: str, name: str, *, where: str = "") -> CatalogEntry:
        distribution, _, bare = name.rpartition(":")
        same = self._offers.get((kind, bare), [])
        chosen = [o for o in same if o.plugin.distribution == distribution] if distribution else self._plain(same)
        if len(chosen) == 1:
            return dataclasses.replace(chosen[0], is_plain=not distribution)
        prefix = f"{where}: " if where else ""
        if chosen:
            names = " or ".join(f"{o.plugin.distribution}:{bare}" for o in chosen)
            raise PluginError(f"{prefix}{kind} {name!r} is offered by {_who(same)}", hint=f"Say which: {names}.")
        raise self._unknown(kind, name, prefix=prefix, distribution=distribution)

    def options(self, component: Component) -> dict[str, OptionSpec]:
        return specs(component.options)

    def named_sets(
        self, known: Iterable[OptionSpec], values: Mapping[str, Any], *, where: str = ""
    ) -> dict[str, Component]:
        """The data sets that a component's option values name."""
        named = [u.name for s in known if s.kind == "dataset" for u in refs(s, values[s.name])]
        return {name: self.component("dataset", name, where=where) for name in named}

    def check_refs(self, spec: OptionSpec, value: Any, *, where: str) -> None:
        """Refuse an option value that names a component or options that do not exist, before anything is imported."""
        for use in refs(spec, value):
            component = self.component(spec.kind or "activation", use.name, where=where)
            known = specs(component.options)
            for key, value_of_key in use.options.items():
                if key not in known:
                    raise ConfigError(f"{where}: {use.name} has no option {key!r}{nearest(key, known)}")
                coerce(value_of_key, known[key], where=f"{where}: {use.name}.{key}")

    def _plain(self, same: Sequence[CatalogEntry]) -> list[CatalogEntry]:
        shipped = [o for o in same if o.plugin.distribution == DISTRIBUTION]
        return shipped or list(same)

    def _who_has_it(self, name: str, same: Sequence[CatalogEntry]) -> str:
        plain = self._plain(same)
        others = " and ".join(f"{o.plugin.distribution}:{name}" for o in same if o not in plain or len(plain) > 1)
        return f"{'the bare name is the built-in; ' if len(plain) == 1 else ''}use {others}"

    def _unknown(self, kind: str, name: str, *, prefix: str, distribution: str) -> ImtransError:
        broken = [r for r in self._records if r.error]
        culprit = next((r for r in broken if r.distribution == distribution), None)
        if culprit:
            return PluginError(
                f"{prefix}{kind} {name!r}: {culprit.complaint}", hint=f"Mend or reinstall {distribution}."
            )
        known = [o.name for o in self.entries(kind)]
        guess = nearest(name, known) or (f"; there are {join_names(known)}" if known else "")
        doubt = f" (not loaded: {join_names(r.name for r in broken)})" if broken else ""
        return ConfigError(f"{prefix}no {kind} {name!r}{guess}{doubt}", hint=f"All of them: imtrans list {kind}")


def _kind_of(thing: Provided) -> str:
    if isinstance(thing, Component):
        return thing.kind
    return "recipe" if isinstance(thing, Recipe) else "protocol"


def _who(same: Sequence[CatalogEntry]) -> str:
    return " and ".join(o.plugin.origin for o in same)
