"""What a plugin declares, checked before anything of it is imported."""

import re
from typing import Any

from imtrans.errors import PluginError, nearest
from imtrans.plugins.component import (
    KINDS,
    RESERVED_SLOTS,
    Component,
    DatasetInfo,
    ExporterInfo,
    FormatInfo,
    MethodInfo,
    MetricInfo,
    NetworkInfo,
)
from imtrans.plugins.options import check_declaration, default_record, specs
from imtrans.plugins.recipe import EvalProtocol, OptimizerOptions, Recipe

Provided = Component | Recipe | EvalProtocol
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def check_declared(thing: Any) -> None:
    """Refuse one thing that a hook gave: PluginError, or ConfigError for the default of an option."""
    if not isinstance(thing, Component | Recipe | EvalProtocol):
        raise PluginError(f"imtrans_provide gave {thing!r}: must be a Component, Recipe or EvalProtocol")
    if not NAME.fullmatch(thing.name):
        raise PluginError(f"component name {thing.name!r}: must be lower-case words, digits and hyphens")
    if isinstance(thing, Component):
        _check_component(thing)


def _check_component(component: Component) -> None:
    _check_kind(component.kind, where=component.name)
    if not _TARGET.fullmatch(component.target):
        raise PluginError(f"{component.name}: target {component.target!r} must have the form module:attribute")
    _check_options(component.options, where=component.name)
    if component.kind == "method":
        _check_method(component)
    if component.kind == "dataset":
        _check_dataset(component)
    if component.kind == "exporter" and not isinstance(component.info, ExporterInfo):
        raise PluginError(f"{component.name}: an exporter needs info=ExporterInfo(...)")
    if component.kind == "format" and not (isinstance(component.info, FormatInfo) and component.info.suffixes):
        raise PluginError(f"{component.name}: a format needs info=FormatInfo(suffixes=...)")
    if component.kind == "metric" and not isinstance(component.info, MetricInfo):
        raise PluginError(f"{component.name}: the info of a metric is a MetricInfo(...)")
    if isinstance(component.info, NetworkInfo):
        _check_network(component, component.info)


def _check_kind(kind: str, *, where: str) -> None:
    if kind not in KINDS:
        raise PluginError(f"{where}: no kind {kind!r}{nearest(kind, KINDS)}", hint=f"The kinds: {', '.join(KINDS)}")


def _check_options(options: Any, *, where: str) -> None:
    record = default_record(options)
    if not getattr(getattr(record, "__dataclass_params__", None), "frozen", False):
        what = "must be a frozen dataclass: @dataclass(frozen=True), so that no run changes them for the next"
        raise PluginError(f"{where}: its options ({type(record).__name__}) {what}")
    for name, spec in specs(options).items():
        if name in ("name", "weight"):  # keys of every component in a configuration
            raise PluginError(f"{where}: an option may not be called {name!r}")
        check_declaration(spec, where=where)


def _check_method(component: Component) -> None:
    info = component.info
    if not isinstance(info, MethodInfo):
        raise PluginError(f"{component.name}: a method needs info=MethodInfo(...)")
    for name, slot in info.slots.items():
        if name in RESERVED_SLOTS:
            raise PluginError(
                f"{component.name}: a slot may not be called {name!r}: the configuration has a key of that name",
                hint=f"Rename it; these are taken: {', '.join(RESERVED_SLOTS)}",
            )
        if not name.isidentifier():  # the method gets it as a keyword, and "." separates keys
            raise PluginError(f"{component.name}: slot {name!r} must be a Python identifier")
        _check_kind(slot.kind, where=f"{component.name}: slot {name!r}")
    _check_options(info.policy, where=f"{component.name}: policy")


def _check_network(component: Component, info: NetworkInfo) -> None:
    if component.kind not in ("generator", "discriminator", "network"):
        raise PluginError(f"{component.name}: NetworkInfo is for networks, and this is a {component.kind}")
    for name in info.parameter_groups:
        if not name.isidentifier() or name in specs(OptimizerOptions):  # train.optimizer.lr is a key already
            raise PluginError(f"{component.name}: parameter group {name!r} must be a Python identifier, no option")


def _check_dataset(component: Component) -> None:
    info, known = component.info, specs(component.options)
    if not isinstance(info, DatasetInfo):
        raise PluginError(f"{component.name}: a data set needs info=DatasetInfo(...)")
    for name in info.path_options:
        if name not in known:
            raise PluginError(f"{component.name}: path_options: no option {name!r}{nearest(name, known)}")
    if (info.schemes or info.marker) and not info.path_options:
        raise PluginError(f"{component.name}: schemes and marker need path_options: what they choose is set there")
