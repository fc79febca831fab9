"""Finding the plugins, one at a time, so that a broken one costs only itself."""

import contextlib
import dataclasses
import importlib.metadata
import importlib.util
import os
import re
import sys
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from imtrans import hookspecs
from imtrans.component import KINDS, Component, DatasetInfo, MethodInfo
from imtrans.errors import PluginError
from imtrans.options import specs
from imtrans.recipe import EvalProtocol, Recipe

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
    def complaint(self) -> str:
        return f"plugin {self.name} {self.version} (dist {self.distribution}) not loaded: {self.error}"


@dataclasses.dataclass(frozen=True)
class Plugins:
    """The plugin manager with the good plugins registered, and a record of every one found."""

    manager: pluggy.PluginManager
    records: Sequence[PluginRecord]

    @property
    def broken(self) -> list[PluginRecord]:
        return [r for r in self.records if r.error]


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
        if name in self.deny or (distribution in self.deny and distribution != DISTRIBUTION):
            return False
        is_allowed = self.allow is None or name in self.allow or distribution in self.allow
        return distribution == DISTRIBUTION or (self.others and is_allowed)


def discover(selection: Selection | None = None) -> Plugins:
    """Load every admitted plugin of the entry-point group, sorted by name, built-ins first."""
    selection = selection or Selection.from_environment()
    manager = pluggy.PluginManager("imtrans")
    manager.add_hookspecs(hookspecs)
    records = []
    for point, distribution, version in _entry_points():
        if selection.admits(point.name, distribution):
            found = PluginRecord(name=point.name, target=point.value, distribution=distribution, version=version)
            records.append(_load(manager, found, point.load))
    for file in selection.files:
        found = PluginRecord(name=Path(file).stem, target=file, distribution=Path(file).stem)
        records.append(_load(manager, found, lambda file=file: _import_file(Path(file))))  # type: ignore[misc]
    _refuse_broken_files(records, selection.files)
    return Plugins(manager, records)


def _names(text: str) -> frozenset[str]:
    return frozenset(n.strip() for n in text.split(",") if n.strip())


def _entry_points() -> list[tuple[importlib.metadata.EntryPoint, str, str]]:
    found = []
    for point in importlib.metadata.entry_points(group=GROUP):
        try:
            distribution, version = point.dist.name, point.dist.version  # type: ignore[union-attr]
        except Exception:  # noqa: BLE001 - metadata may be broken in any way; the plugin is still named
            distribution, version = "unknown", ""
        found.append((point, distribution or "unknown", version or ""))
    return sorted(found, key=lambda f: (f[1] != DISTRIBUTION, f[0].name, f[1]))


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
    given = manager.subset_hook_caller("imtrans_provide", others)()
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
    reserved = {"name", "weight"} & set(specs(component.options))
    if reserved:
        raise PluginError(f"{component.name}: an option may not be called {reserved.pop()!r}")


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise PluginError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # its targets say "stem:attribute"
    spec.loader.exec_module(module)
    return module


def _reason(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r}) when it was imported"
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, ImportError | PluginError) else f"{type(error).__name__}: {text}"


def _refuse_broken_files(records: Iterable[PluginRecord], files: Sequence[str]) -> None:
    for r in records:
        if r.error and r.target in files:
            raise PluginError(f"plugin file {r.target}: {r.error}", mend="Mend the file, or leave out -p.")


def versions(records: Iterable[PluginRecord]) -> Mapping[str, Mapping[str, str]]:
    """What a run folder and a checkpoint remember of the plugins: distribution, version and target by name."""
    return {
        f"{r.distribution}:{r.name}": {"distribution": r.distribution, "version": r.version, "target": r.target}
        for r in records
        if not r.error
    }
