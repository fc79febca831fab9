"""What all plugins together offer, by kind and name."""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from imtrans.errors import ConfigError, ImtransError, PluginError, join_names, nearest
from imtrans.plugins.component import KINDS, Component, Kind
from imtrans.plugins.declarations import Provided
from imtrans.plugins.discovery import DISTRIBUTION, PluginRecord
from imtrans.plugins.options import OptionSpec, coerce, refs, specs
from imtrans.plugins.recipe import Recipe

LISTED_KINDS: tuple[str, ...] = ("recipe", *KINDS, "protocol")


@dataclasses.dataclass(frozen=True)
class CatalogEntry:
    """One component, recipe or protocol, with the plugin it comes from. `is_plain`: its bare name means this one."""

    kind: str
    thing: Provided
    plugin: PluginRecord
    is_plain: bool = True

    @property
    def name(self) -> str:
        """The name that reaches it: bare, or "distribution:name"."""
        return self.thing.name if self.is_plain else f"{self.plugin.distribution}:{self.thing.name}"


class Catalog:
    """Everything that plugins provide. A shipped name stays the built-in's; a name shared by others is ambiguous."""

    def __init__(self, records: Iterable[PluginRecord]) -> None:
        self._records = tuple(records)
        self._entries: dict[tuple[str, str], list[CatalogEntry]] = {}
        for record in self._records:
            for thing in record.provided:
                entry = CatalogEntry(kind_of(thing), thing, record)
                self._entries.setdefault((entry.kind, thing.name), []).append(entry)

    def extended(self, record: PluginRecord) -> "Catalog":
        """The same with what one more plugin provides."""
        return Catalog([*self._records, record])

    def entries(self, kind: str | None = None) -> Iterator[CatalogEntry]:
        """Every entry, or those of a kind, by kind and name; `is_plain` is set for the choice of all plugins."""
        in_order = sorted(self._entries.items(), key=lambda item: (LISTED_KINDS.index(item[0][0]), item[0][1]))
        for (kind_of_entry, _), same_name in in_order:
            if kind in (None, kind_of_entry):
                yield from (dataclasses.replace(e, is_plain=e in self._plain(same_name)) for e in same_name)

    def clashes(self) -> list[str]:
        """One line for each name that several plugins offer."""
        shared = [(name, same_name) for (_, name), same_name in self._entries.items() if len(same_name) > 1]
        return [
            f"{name!r} is offered by {_origins(entries)}; {self._advice(name, entries)}" for name, entries in shared
        ]

    def component(self, kind: Kind, name: str, *, where: str = "") -> Component:
        """The component of this kind and name ("dist:name" to choose); errors begin with `where`."""
        thing = self.entry(kind, name, where=where).thing
        # For the type checker: `kind_of` files only components under their kinds.
        assert isinstance(thing, Component)
        return thing

    def recipe(self, name: str) -> Recipe:
        """The recipe of this name. ConfigError if there is none, PluginError if several plugins share the name."""
        thing = self.entry("recipe", name).thing
        assert isinstance(thing, Recipe)
        return thing

    def entry(self, kind: str, name: str, *, where: str = "") -> CatalogEntry:
        """The entry of this kind and name; errors as for `component` and `recipe`."""
        distribution, _, bare = name.rpartition(":")
        same_name = self._entries.get((kind, bare), [])
        from_distribution = [e for e in same_name if e.plugin.distribution == distribution]
        matches = from_distribution if distribution else self._plain(same_name)
        if len(matches) == 1:
            return dataclasses.replace(matches[0], is_plain=not distribution)
        prefix = f"{where}: " if where else ""
        if matches:
            names = " or ".join(f"{e.plugin.distribution}:{bare}" for e in matches)
            raise PluginError(
                f"{prefix}{kind} {name!r} is offered by {_origins(same_name)}", hint=f"Say which: {names}."
            )
        raise self._unknown(kind, name, prefix=prefix, distribution=distribution)

    def named_sets(
        self, known: Iterable[OptionSpec], values: Mapping[str, Any], *, where: str = ""
    ) -> dict[str, Component]:
        """The data sets that a component's option values name."""
        named = [ref.name for s in known if s.kind == "dataset" for ref in refs(s, values[s.name])]
        return {name: self.component("dataset", name, where=where) for name in named}

    def check_refs(self, spec: OptionSpec, value: Any, *, where: str) -> None:
        """Refuse an option value that names a component or options that do not exist, before anything is imported."""
        for ref in refs(spec, value):
            if spec.kind is None:
                raise PluginError(f"{where}: it names a component, but its option declares no kind of component")
            component = self.component(spec.kind, ref.name, where=where)
            known = specs(component.options)
            for key, value_of_key in ref.options.items():
                if key not in known:
                    raise ConfigError(f"{where}: {ref.name} has no option {key!r}{nearest(key, known)}")
                coerce(value_of_key, known[key], where=f"{where}: {ref.name}.{key}")

    def _plain(self, same_name: Sequence[CatalogEntry]) -> list[CatalogEntry]:
        # Installing a plugin must not change what an earlier command meant: a built-in keeps its bare name.
        shipped = [e for e in same_name if e.plugin.distribution == DISTRIBUTION]
        return shipped or list(same_name)

    def _advice(self, name: str, same_name: Sequence[CatalogEntry]) -> str:
        plain = self._plain(same_name)
        others = " and ".join(f"{e.plugin.distribution}:{name}" for e in same_name if e not in plain or len(plain) > 1)
        return f"{'the bare name is the built-in; ' if len(plain) == 1 else ''}use {others}"

    def _unknown(self, kind: str, name: str, *, prefix: str, distribution: str) -> ImtransError:
        broken = [r for r in self._records if r.error]
        # "dist:name" of a broken plugin: its fault is the answer, not a name that looks like this one.
        culprit = next((r for r in broken if r.distribution == distribution), None)
        if culprit:
            return PluginError(
                f"{prefix}{kind} {name!r}: {culprit.complaint}", hint=f"Fix or reinstall {distribution}."
            )
        known = [e.name for e in self.entries(kind)]
        guess = nearest(name, known) or (f"; there are {join_names(known)}" if known else "")
        others = [k for k in LISTED_KINDS if k != kind and (k, bare_name(name)) in self._entries]
        guess = f"; {name!r} is a{'n' * (others[0][0] in 'aeiou')} {others[0]}" if others else guess
        # The name may be right, and its plugin one of those that could not be loaded.
        not_loaded = f" (not loaded: {join_names(r.name for r in broken)})" if broken else ""
        return ConfigError(f"{prefix}no {kind} {name!r}{guess}{not_loaded}", hint=f"All of them: imtrans list {kind}")


def bare_name(name: str) -> str:
    """A name without its distribution."""
    return name.rpartition(":")[2]


def kind_named(text: str) -> str:
    """The kind meant by its name in singular or plural. ConfigError if there is none."""
    singular = re.sub(r"ies$", "y", text)
    for candidate in (text, singular, text.removesuffix("s"), text.removesuffix("es")):
        if candidate in LISTED_KINDS:
            return candidate
    raise ConfigError(
        f"no kind {text!r}{nearest(text, LISTED_KINDS)}", hint=f"The kinds: {join_names(LISTED_KINDS, most=20)}"
    )


def kind_of(thing: Provided) -> str:
    """The kind under which a thing is listed: that of a component, "recipe" or "protocol"."""
    if isinstance(thing, Component):
        return thing.kind
    return "recipe" if isinstance(thing, Recipe) else "protocol"


def _origins(entries: Sequence[CatalogEntry]) -> str:
    return " and ".join(e.plugin.origin for e in entries)
