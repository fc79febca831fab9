"""Finding the plugins, one at a time, so that a broken one costs only itself."""

import contextlib
import dataclasses
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import re
import sys
import time
import traceback
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from imtrans.errors import ImtransError, PluginError
from imtrans.plugins import hookspecs
from imtrans.plugins.api_version import check_api
from imtrans.plugins.component import Component
from imtrans.plugins.declarations import Provided, check_declared
from imtrans.plugins.hook_trace import trace_if_asked
from imtrans.plugins.loading_guard import guarded
from imtrans.plugins.recipe import EvalProtocol, Recipe

GROUP = "imtrans"
DISTRIBUTION = "imtrans"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PluginRecord:
    """One entry point (or one-file plugin): where it comes from, what it provides, and why it is broken if it is."""

    name: str
    target: str
    distribution: str
    version: str = ""
    provided: Sequence[Provided] = ()
    seconds: float = 0.0
    error: str = ""
    trace: str = ""
    changed: Sequence[str] = ()  # settings of the process that its import changed, and that were set back

    @property
    def is_builtin(self) -> bool:
        """Whether it ships with imtrans."""
        return self.distribution == DISTRIBUTION

    @property
    def origin(self) -> str:
        """Distribution and version, if it has one: a one-file plugin has none."""
        return f"{self.distribution} {self.version}".strip()

    @property
    def complaint(self) -> str:
        """One line for people that names the plugin and why it is not loaded."""
        named = f"{self.name} {self.version}".strip()
        return f"plugin {named} (dist {self.distribution}) not loaded: {self.error}"


@dataclasses.dataclass(frozen=True)
class Plugins:
    """The plugin manager with the working plugins registered, and a record of every plugin, broken ones included."""

    manager: pluggy.PluginManager
    records: Sequence[PluginRecord]
    blocked: Sequence[PluginRecord] = ()  # not imported: `error` says by what

    @property
    def broken(self) -> list[PluginRecord]:
        """The plugins that could not be loaded."""
        return [r for r in self.records if r.error]

    def versions(self) -> dict[str, dict[str, str]]:
        """The loaded plugins as a run folder and a checkpoint record them, by "distribution:name"."""
        return {
            f"{r.distribution}:{r.name}": {"distribution": r.distribution, "version": r.version, "target": r.target}
            for r in self.records
            if not r.error
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection:
    """Which plugins may be imported. `allow` None: all; `others` False: only what ships with imtrans."""

    allow: frozenset[str] | None = None
    deny: frozenset[str] = frozenset()
    others: bool = True
    files: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, *, others: bool = True, files: Iterable[str] = ()) -> "Selection":
        """The choice of IMTRANS_PLUGINS (allow-list) and IMTRANS_DISABLE_PLUGINS (deny-list; 1: all but built-ins)."""
        allow, deny = os.environ.get("IMTRANS_PLUGINS"), os.environ.get("IMTRANS_DISABLE_PLUGINS", "")
        return cls(
            allow=None if allow is None else _names(allow),
            deny=frozenset() if deny == "1" else _names(deny),
            others=others and deny != "1",
            files=tuple(files),
        )

    def reason_against(self, name: str, distribution: str) -> str:
        """What forbids to import a plugin, or "". Of a built-in only its own name in the deny-list does."""
        names, deny = _normal(name, distribution), _normal(*self.deny)
        is_shipped = distribution == DISTRIBUTION
        if _normal(name) & deny or (names & deny and not is_shipped):
            return "it is in IMTRANS_DISABLE_PLUGINS"
        if not self.others and not is_shipped:
            return "--no-plugins, or IMTRANS_DISABLE_PLUGINS=1"
        is_allowed = is_shipped or self.allow is None or bool(names & _normal(*self.allow))
        return "" if is_allowed else "it is not in IMTRANS_PLUGINS"


def discover(selection: Selection | None = None) -> Plugins:
    """Every admitted plugin of the entry-point group, loaded, sorted by name, built-ins first.

    A broken one costs only itself: its record says why. PluginError for a broken file of `selection.files`.
    """
    # A manager for each call, not one of the module: tests, and programs that import imtrans, must not share plugins.
    selection = selection or Selection.from_environment()
    manager = pluggy.PluginManager("imtrans")
    manager.add_hookspecs(hookspecs)
    trace_if_asked(manager)
    records, blocked = [], []
    for record, load in entry_points():
        if reason := selection.reason_against(record.name, record.distribution):
            blocked.append(dataclasses.replace(record, error=reason))
        else:
            records.append(record if record.error else _load(manager, record, load))
    for file in selection.files:
        records.append(_load(manager, file_record(file), partial(_import_file, Path(file))))
    _refuse_broken_files(records, selection.files)
    return Plugins(manager, records, blocked)


def file_record(file: str) -> PluginRecord:
    """The record of a plugin of one file, which is not loaded."""
    return PluginRecord(name=Path(file).stem, target=file, distribution=Path(file).stem)


def _names(text: str) -> frozenset[str]:
    return frozenset(n.strip() for n in text.split(",") if n.strip())


def _normal(*names: str) -> set[str]:
    """Names as packaging compares them: imtrans_foo is Imtrans-Foo, so that a list matches every spelling."""
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}


def entry_points() -> list[tuple[PluginRecord, Any]]:
    """Every entry point with what loads it, built-ins first; what cannot be read is a record with its error."""
    records: list[tuple[PluginRecord, Any]] = []
    points: list[tuple[importlib.metadata.EntryPoint, Any]] = []
    try:
        points = [(p, p.dist) for p in importlib.metadata.entry_points(group=GROUP)]
    except Exception:  # noqa: BLE001 - one broken distribution breaks the common list; each is then read by itself
        for distribution in importlib.metadata.distributions():
            try:
                points += [(p, distribution) for p in distribution.entry_points.select(group=GROUP)]
            except Exception as error:  # noqa: BLE001 - its metadata may be broken in any way; it costs only itself
                records.append((_unreadable(distribution, error), None))
    known: dict[int, tuple[str, str]] = {}
    records += [(_record(point, distribution, known), point.load) for point, distribution in points]
    return sorted(records, key=lambda r: (not r[0].is_builtin, r[0].name, r[0].distribution))


def _record(point: importlib.metadata.EntryPoint, distribution: Any, known: dict[int, tuple[str, str]]) -> PluginRecord:
    """The record of an entry point; `known` keeps the name and version of each distribution, by its identity."""
    try:
        if id(distribution) not in known:  # it parses its metadata anew each time that it is asked
            metadata = distribution.metadata
            known[id(distribution)] = str(metadata["Name"] or ""), metadata["Version"] or ""
        name, version = known[id(distribution)]
    except Exception as error:  # noqa: BLE001 - as above
        return _unreadable(distribution, error, name=point.name)
    if not name:
        return _unreadable(distribution, PluginError("it has no name"), name=point.name)
    return PluginRecord(name=point.name, target=point.value, distribution=name, version=version)


def _unreadable(distribution: Any, error: Exception, *, name: str = "") -> PluginRecord:
    folder = str(
        getattr(distribution, "_path", "unknown")
    )  # the one thing that always exists; importlib has no public name for it
    stem = Path(folder).stem
    fault = f"metadata in {folder}: {_reason(error)}"
    return PluginRecord(name=name or stem, target="", distribution=stem, error=fault)


def _load(manager: pluggy.PluginManager, record: PluginRecord, load: Any) -> PluginRecord:
    begun = time.perf_counter()
    name = f"{record.distribution}:{record.name}"
    try:
        # What a plugin prints at import would spoil the output of --json.
        with contextlib.redirect_stdout(sys.stderr), guarded(record.name) as changed:
            plugin = load()
            check_api(plugin)
            plugin = plugin() if isinstance(plugin, type) else plugin
            manager.register(plugin, name=name)
            manager.check_pending()  # without it pluggy ignores a misspelt hook
            provided = _provided(manager, plugin)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - other people's code may fail in any way; it costs only itself
        if manager.has_plugin(name):
            manager.unregister(name=name)
        return dataclasses.replace(record, error=_reason(error), trace=traceback.format_exc())
    return dataclasses.replace(record, provided=provided, seconds=time.perf_counter() - begun, changed=tuple(changed))


def _provided(manager: pluggy.PluginManager, plugin: Any) -> tuple[Provided, ...]:
    if not manager.get_hookcallers(plugin):
        raise PluginError("it has no hook: imtrans_provide, and each other, is marked with @imtrans.hookimpl")
    # The hook of this plugin alone, through pluggy, which passes only the arguments that an implementation takes.
    others = [p for p in manager.get_plugins() if p is not plugin]
    caller = manager.subset_hook_caller("imtrans_provide", others)
    results = caller()
    if len(results) < len(caller.get_hookimpls()):
        raise PluginError("imtrans_provide gave None: must be a list of Component, Recipe or EvalProtocol")
    if single := next((r for r in results if isinstance(r, Component | Recipe | EvalProtocol)), None):
        raise PluginError(f"imtrans_provide gave {single.name!r} alone: must be a list, also of one")
    provided = tuple(thing for things in results for thing in things)
    for thing in provided:
        check_declared(thing)
    identities = [(type(t), getattr(t, "kind", ""), t.name) for t in provided]
    duplicate = next((i[2] for i in identities if identities.count(i) > 1), None)
    if duplicate:
        raise PluginError(f"declares {duplicate!r} twice")
    return provided


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise PluginError(f"{path} is not a Python file")
    origin = _other_origin(path)
    if origin:
        raise PluginError(f"a module {path.stem!r} exists already: {origin}; give the file another name")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # its targets say "stem:attribute"
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _other_origin(path: Path) -> str:
    """Where another module of this name comes from, empty if there is none; a plugin file must not shadow it."""
    if path.stem in sys.stdlib_module_names:
        return "Python's own"
    other = importlib.machinery.PathFinder.find_spec(path.stem)
    origin = other.origin if other else None
    return origin if origin and Path(origin).resolve() != path.resolve() else ""


def _reason(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r}) when it was imported"
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, ImportError | ImtransError) else f"{type(error).__name__}: {text}"


def _refuse_broken_files(records: Iterable[PluginRecord], files: Sequence[str]) -> None:
    for r in records:
        if r.error and r.target in files:
            raise PluginError(f"plugin file {r.target}: {r.error}", hint="Fix the file, or leave out -p.")
