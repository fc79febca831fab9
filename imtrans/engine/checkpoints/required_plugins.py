"""Which plugins a model needs: recorded when it is saved, and named where one of them is missing."""

import importlib.metadata
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from imtrans.config.resolve import restore
from imtrans.config.schema import RunConfig
from imtrans.config.sources import Layer
from imtrans.errors import CheckpointError, ConfigError, ImtransError, ImtransWarning
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef, Kind
from imtrans.plugins.component_options import options_of
from imtrans.plugins.discovery import DISTRIBUTION
from imtrans.plugins.options import refs, specs

_REASONS = "--no-plugins, IMTRANS_PLUGINS, IMTRANS_DISABLE_PLUGINS, or a fault that imtrans list shows"
_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True, order=True)
class RequiredPlugin:
    """One plugin that a model needs: its distribution and version, or the path of its file as it was given."""

    distribution: str
    version: str
    file: str = ""

    @property
    def name(self) -> str:
        """What people call it: the distribution, or the file's name."""
        return PurePath(self.file).name or self.distribution

    @property
    def installed(self) -> str | None:
        """The version that is installed, found without importing it; None where none is, and for files."""
        try:
            return None if self.file else importlib.metadata.version(self.distribution)
        except (importlib.metadata.PackageNotFoundError, ValueError):
            return None

    @property
    def command(self) -> str:
        """How a user gets it; empty for a distribution of a name that no command should hold."""
        if self.file:
            return f"imtrans -p PATH/{self.name} ..."
        # The text is a stranger's, and people paste commands.
        return f"python -m pip install {self.distribution}" if _DISTRIBUTION.fullmatch(self.distribution) else ""

    @property
    def remedy(self) -> str:
        """What to do where it is not loaded."""
        if self.file:
            return f"It needs the plugin in the file {self.name}, which its author has: {self.command}"
        named = f"It needs the plugin {f'{self.distribution} {self.version}'.strip()}"
        if self.installed is not None:
            return f"{named}; {self.installed} is installed, but not loaded ({_REASONS})"
        return f"{named}: {self.command}" if self.command else named


def record(config: RunConfig, versions: Mapping[str, Mapping[str, Any]], catalog: Catalog) -> dict[str, dict[str, Any]]:
    """The loaded plugins (`Plugins.versions`), each with the components of it that the configuration names, and whether
    there are any."""
    uses: dict[str, list[str]] = {}
    for kind, name in sorted(_uses(config, catalog)):
        plugin = catalog.entry(kind, name).plugin
        uses.setdefault(f"{plugin.distribution}:{plugin.name}", []).append(f"{kind} {name}")
    return {key: {**entry, "needed": key in uses, "uses": uses.get(key, [])} for key, entry in versions.items()}


def substitutes(config: RunConfig, recorded: Any, catalog: Catalog) -> list[str]:
    """A line for each component that another distribution provides now than when it was recorded."""
    entries = [e for e in recorded.values() if isinstance(e, Mapping)] if isinstance(recorded, Mapping) else []
    before = {use: str(e.get("distribution")) for e in entries for use in e.get("uses") or ()}
    now = {f"{kind} {name}": catalog.entry(kind, name).plugin for kind, name in sorted(_uses(config, catalog))}
    changed = {
        use: plugin for use, plugin in now.items() if before.get(use, plugin.distribution) != plugin.distribution
    }
    return [f"{use} was of {before[use]} and is of {plugin.origin} now" for use, plugin in changed.items()]


def _uses(config: RunConfig, catalog: Catalog) -> set[tuple[str, str]]:
    """Kind and name of every component that is chosen, and of those that options name, however deep."""
    inner = (use for kind, ref in config.refs() for use in _inner(kind, ref, catalog))
    return {*config.uses(), *inner}


def _inner(kind: Kind, ref: ComponentRef, catalog: Catalog) -> Iterator[tuple[str, str]]:
    options = options_of(catalog.component(kind, ref.name), ref)
    for spec in specs(options).values():
        for each in refs(spec, getattr(options, spec.name)):
            assert spec.kind
            yield spec.kind, each.name
            yield from _inner(spec.kind, each, catalog)


def without_paths(recorded: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The same record with the names of plugins' files in place of their paths: a model's file goes to others."""
    return {k: {**v, "target": PurePath(v["target"]).name if _is_file(v) else v["target"]} for k, v in recorded.items()}


def required(recorded: Any) -> list[RequiredPlugin]:
    """The plugins of others that a record says are needed; all of them in records of earlier releases."""
    entries = recorded.values() if isinstance(recorded, Mapping) else ()
    others = [e for e in entries if isinstance(e, Mapping) and e.get("distribution") != DISTRIBUTION]
    return sorted({_plugin(entry) for entry in others if entry.get("needed", True)})


def restored(
    catalog: Catalog,
    tree: Mapping[str, Any],
    recorded: Any,
    *,
    where: str,
    origin: str,
    layers: Iterable[Layer] = (),
    warns: bool = True,
) -> RunConfig:
    """A saved configuration, with `layers` on top. Where its own part cannot be restored, the error begins with
    `where` and names the plugins that are missing. A component of another distribution than recorded is warned of,
    unless the configuration is only looked at (`warns` False)."""
    try:
        config = restore(catalog, tree, origin=origin, layers=layers)
        for line in substitutes(config, recorded, catalog) if warns else ():
            warnings.warn(f"{where}: {line}", ImtransWarning, stacklevel=2)
        return config
    except ImtransError as error:
        fault = _own_fault(catalog, tree, origin) if layers else error
        if fault is None:
            raise
        loaded = {entry.plugin.distribution for entry in catalog.entries()}
        missing = [p.remedy for p in required(recorded) if p.distribution not in loaded]
        # An option that this version does not know is a fault of the checkpoint, not of the command line.
        kind = type(fault) if not isinstance(fault, ConfigError) else CheckpointError
        raise kind(f"{where}: {fault.what}", hint="\n".join(missing) or fault.hint) from None


def _own_fault(catalog: Catalog, tree: Mapping[str, Any], origin: str) -> ImtransError | None:
    try:
        restore(catalog, tree, origin=origin)
    except ImtransError as error:
        return error
    return None


def _plugin(entry: Mapping[str, Any]) -> RequiredPlugin:
    file = str(entry.get("target", "")) if _is_file(entry) else ""
    return RequiredPlugin(str(entry.get("distribution", "")), str(entry.get("version", "")), file)


def _is_file(entry: Mapping[str, Any]) -> bool:
    # An entry point has a version, and a module as its target.
    return not entry.get("version") and str(entry.get("target", "")).endswith(".py")
