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
from imtrans.plugins.component import KINDS, Component, DatasetInfo, MethodInfo
from imtrans.plugins.options import coerce, specs
from imtrans.plugins.recipe import EvalProtocol, Recipe

GROUP = "imtrans"
DISTRIBUTION = "imtrans"
Provided = Component | Recipe | EvalProtocol
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PluginRecord:
    """One entry point (or one-file plugin): where it comes from, what it gave, and why it is broken if it is."""

    name: str
    target: str
    distribution: str
    version: str = ""
    provided: Sequence[Provided] = ()
    seconds: float = 0.0
    error: str = ""
    trace: str = ""

    @property
    def is_builtin(self) -> bool:
        return self.distribution == DISTRIBUTION

    @property
    def origin(self) -> str:
        """Distribution and version, if it has one: a one-file plugin has none."""
        return f"{self.distribution} {self.version}".strip()

    @property
    def complaint(self) -> str:
        named = f"{self.name} {self.version}".strip()
        return f"plugin {named} (dist {self.distribution}) not loaded: {self.error}"


@dataclasses.dataclass(frozen=True)
class Plugins:
    """The plugin manager with the good plugins registered, and a record of every one found."""

    manager: pluggy.PluginManager
    records: Sequence[PluginRecord]

    @property
    def broken(self) -> list[PluginRecord]:
        return [r for r in self.records if r.error]

    def versions(self) -> dict[str, dict[str, str]]:
        """What a run folder and a checkpoint remember of the plugins that were there."""
        good = [r for r in self.records if not r.error]
        told = [{"distribution": r.distribution, "version": r.version, "target": r.target} for r in good]
        return {f"{r.distribution}:{r.name}": t for r, t in zip(good, told, strict=True)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selection:
    """Which plugins may be imported: `allow` None means all; `others` False, only what ships with imtrans."""

    allow: frozenset[str] | None = None
    deny: frozenset[str] = frozenset()
    others: bool = True
    files: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, *, others: bool = True, files: Iterable[str] = ()) -> "Selection":
        """IMTRANS_PLUGINS is the allow-list, IMTRANS_DISABLE_PLUGINS the deny-list (1: everybody else's)."""
        allow, deny = os.environ.get("IMTRANS_PLUGINS"), os.environ.get("IMTRANS_DISABLE_PLUGINS", "")
        return cls(
            allow=None if allow is None else _names(allow),
            deny=frozenset() if deny == "1" else _names(deny),
            others=others and deny != "1",
            files=tuple(files),
        )

    def admits(self, name: str, distribution: str) -> bool:
        names, deny = _normal(name, distribution), _normal(*self.deny)
        if _normal(name) & deny or (names & deny and distribution != DISTRIBUTION):
            return False
        is_allowed = self.allow is None or bool(names & _normal(*self.allow))
        return distribution == DISTRIBUTION or (self.others and is_allowed)


def discover(selection: Selection | None = None) -> Plugins:
    """Load every admitted plugin of the entry-point group, sorted by name, built-ins first."""
    selection = selection or Selection.from_environment()
    manager = pluggy.PluginManager("imtrans")
    manager.add_hookspecs(hookspecs)
    records = []
    for found, load in _entry_points():
        if selection.admits(found.name, found.distribution):
            records.append(found if found.error else _load(manager, found, load))
    for file in selection.files:
        found = PluginRecord(name=Path(file).stem, target=file, distribution=Path(file).stem)
        records.append(_load(manager, found, partial(_import_file, Path(file))))
    _refuse_broken_files(records, selection.files)
    return Plugins(manager, records)


def _names(text: str) -> frozenset[str]:
    return frozenset(n.strip() for n in text.split(",") if n.strip())


def _normal(*names: str) -> set[str]:
    """Names as packaging compares them: imtrans_foo is Imtrans-Foo, so that no list passes one over."""
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}


def _entry_points() -> list[tuple[PluginRecord, Any]]:
    """Every entry point with what loads it, built-ins first; what cannot be read is a record with its error."""
    found: list[tuple[PluginRecord, Any]] = []
    points: list[tuple[importlib.metadata.EntryPoint, Any]] = []
    try:
        points = [(p, p.dist) for p in importlib.metadata.entry_points(group=GROUP)]
    except Exception:  # noqa: BLE001 - one broken distribution spoils the common list; each is then read by itself
        for distribution in importlib.metadata.distributions():
            try:
                points += [(p, distribution) for p in distribution.entry_points.select(group=GROUP)]
            except Exception as error:  # noqa: BLE001 - its metadata may be broken in any way; it costs only itself
                found.append((_unreadable(distribution, error), None))
    found += [(_record(point, distribution), point.load) for point, distribution in points]
    return sorted(found, key=lambda f: (not f[0].is_builtin, f[0].name, f[0].distribution))


def _record(point: importlib.metadata.EntryPoint, distribution: Any) -> PluginRecord:
    try:
        name, version = str(distribution.metadata["Name"] or ""), distribution.version or ""
    except Exception as error:  # noqa: BLE001 - as above
        return _unreadable(distribution, error, name=point.name)
    if not name:
        return _unreadable(distribution, PluginError("it has no name"), name=point.name)
    return PluginRecord(name=point.name, target=point.value, distribution=name, version=version)


def _unreadable(distribution: Any, error: Exception, *, name: str = "") -> PluginRecord:
    folder = str(getattr(distribution, "_path", "unknown"))  # importlib has no public name for the one thing sure
    stem = Path(folder).stem
    fault = f"metadata in {folder}: {_reason(error)}"
    return PluginRecord(name=name or stem, target="", distribution=stem, error=fault)


def _load(manager: pluggy.PluginManager, found: PluginRecord, load: Any) -> PluginRecord:
    begun = time.perf_counter()
    name = f"{found.distribution}:{found.name}"
    try:
        with contextlib.redirect_stdout(sys.stderr):
            plugin = load()
            plugin = plugin() if isinstance(plugin, type) else plugin
            manager.register(plugin, name=name)
            manager.check_pending()
            provided = _provided(manager, plugin)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - other people's code may fail in any way; it costs only itself
        if manager.has_plugin(name):
            manager.unregister(name=name)
        return dataclasses.replace(found, error=_reason(error), trace=traceback.format_exc())
    return dataclasses.replace(found, provided=provided, seconds=time.perf_counter() - begun)


def _provided(manager: pluggy.PluginManager, plugin: Any) -> tuple[Provided, ...]:
    others = [p for p in manager.get_plugins() if p is not plugin]
    caller = manager.subset_hook_caller("imtrans_provide", others)
    given = caller()
    if len(given) < len(caller.get_hookimpls()):
        raise PluginError("imtrans_provide gave None: must be a list of Component, Recipe or EvalProtocol")
    provided = tuple(thing for things in given for thing in things)
    for thing in provided:
        _check(thing)
    seen = [(type(t), getattr(t, "kind", ""), t.name) for t in provided]
    twice = next((s[2] for s in seen if seen.count(s) > 1), None)
    if twice:
        raise PluginError(f"declares {twice!r} twice")
    return provided


def _check(thing: Any) -> None:
    if not isinstance(thing, Component | Recipe | EvalProtocol):
        raise PluginError(f"imtrans_provide gave {thing!r}: must be a Component, Recipe or EvalProtocol")
    if not _NAME.fullmatch(thing.name):
        raise PluginError(f"component name {thing.name!r}: must be lower-case words, digits and hyphens")
    if isinstance(thing, Component):
        _check_component(thing)


def _check_component(component: Component) -> None:
    if component.kind not in KINDS:
        raise PluginError(f"{component.name}: no kind {component.kind!r}; the kinds are {', '.join(KINDS)}")
    if not _TARGET.fullmatch(component.target):
        raise PluginError(f"{component.name}: target {component.target!r} must have the form module:attribute")
    if component.kind == "method" and not isinstance(component.info, MethodInfo):
        raise PluginError(f"{component.name}: a method needs info=MethodInfo(...)")
    if component.kind == "dataset" and not isinstance(component.info, DatasetInfo):
        raise PluginError(f"{component.name}: a data set needs info=DatasetInfo(...)")
    for name, spec in specs(component.options).items():
        if name in ("name", "weight"):
            raise PluginError(f"{component.name}: an option may not be called {name!r}")
        coerce(spec.default, spec, where=f"{component.name}: the default of option {name}")


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise PluginError(f"{path} is not a Python file")
    other = _namesake(path)
    if other:
        raise PluginError(f"a module {path.stem!r} exists already: {other}; give the file another name")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # its targets say "stem:attribute"
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _namesake(path: Path) -> str:
    """Where else a module of this name comes from; it must not be put out of the way."""
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
            raise PluginError(f"plugin file {r.target}: {r.error}", hint="Mend the file, or leave out -p.")
