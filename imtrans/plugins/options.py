"""Typed options: what a component can be configured with, and how text becomes such a value."""

import dataclasses
import math
import os
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from imtrans.errors import ConfigError, PluginError, nearest
from imtrans.plugins.component import KINDS, ComponentRef, Kind
from imtrans.plugins.interval import ALLOWED, Interval


def option(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    kind: Kind | None = None,
    affects_hash: bool = True,
    former: Mapping[str, Mapping[Any, Any] | None] | None = None,
    unit: str = "",
    example: str = "",
    is_path: bool = False,
) -> Any:
    """One field of an options record: its default, a line of help, inclusive bounds for numbers.

    `unit` says what a number counts, `example` is another value than the default, as --set takes it: both are shown by
    `imtrans explain`.

    `former` holds the names that the option had in earlier releases, each with what its values became (None: the same),
    so that checkpoints and run folders of those releases still load. `affects_hash` False: the option only says where
    something is found, and stays out of a protocol's hash. `is_path`: text that may be a path. That of a file or
    folder that exists is stored absolute, as every value of type Path is: a run is then resumed from any folder.

    Types: bool, int, float, str, Literal, Path, Interval, ComponentRef, a tuple of one of them (`tuple[int, ...]`), or
    one of them | None.
    A field of type ComponentRef (or tuple of ComponentRef) names in `kind` what kind of component it takes.
    """
    metadata = {"help": help, "low": low, "high": high, "kind": kind, "affects_hash": affects_hash}
    shown = {"unit": unit, "example": example, "is_path": is_path}
    return dataclasses.field(default=default, metadata={**metadata, **shown, "former": former or {}})


@dataclasses.dataclass(frozen=True)
class OptionSpec:
    """One option as the configuration sees it."""

    name: str
    type: Any
    default: Any
    help: str = ""
    low: float | None = None
    high: float | None = None
    kind: Kind | None = None
    affects_hash: bool = True
    former: Mapping[str, Mapping[Any, Any] | None] = dataclasses.field(default_factory=dict)
    unit: str = ""
    example: str = ""
    is_path: bool = False

    @property
    def item(self) -> Any:
        """The type without `| None` and without the tuple around it."""
        inner = _without_none(self.type)
        return get_args(inner)[0] if get_origin(inner) is tuple else inner

    @property
    def is_tuple(self) -> bool:
        """Whether it takes several values."""
        return get_origin(_without_none(self.type)) is tuple

    @property
    def is_optional(self) -> bool:
        """Whether it may be None."""
        return type(None) in get_args(self.type)

    @property
    def type_name(self) -> str:
        """The type in words, as `imtrans list` shows it."""
        name = (
            " | ".join(str(a) for a in get_args(self.item)) if get_origin(self.item) is Literal else self.item.__name__
        )
        name = str(self.kind) if self.item is ComponentRef and self.kind else name
        name = "steps, epochs or minutes" if self.item is Interval else name
        return name + ("..." if self.is_tuple else "") + (" | none" if self.is_optional else "")


_TYPES = (bool, int, float, str, Path, Interval, ComponentRef)
_ALLOWED = (
    "bool, int, float, str, Path, Interval, ComponentRef, Literal, tuple[TYPE, ...] of one of them, or TYPE | None"
)
NONE = "none"  # how text says that an optional value is not set; TOML has no word for it


class CliText(str):
    """Text from a command line: TOML, where a bare word stands for itself."""


def default_record(options: Any) -> Any:
    """The record that holds a component's defaults: `options` is such a record, its class, or None."""
    if options is None:
        return NoOptions()
    return options() if isinstance(options, type) else options


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """The options of a component that has none."""


def specs(options: Any) -> dict[str, OptionSpec]:
    """The options of a record (or class, or None) by name, with this record's values as the defaults."""
    defaults = default_record(options)
    hints = typing.get_type_hints(type(defaults))  # `field.type` is text under `from __future__ import annotations`
    return {f.name: _spec(f, hints[f.name], getattr(defaults, f.name)) for f in dataclasses.fields(defaults)}


def values(options: Any) -> dict[str, Any]:
    """The fields of a record by name, not copied."""
    return {f.name: getattr(options, f.name) for f in dataclasses.fields(options)}


def coerce(value: Any, spec: OptionSpec, *, where: str) -> Any:
    """`value` as the option's type. ConfigError names `where`, the value and what is allowed."""
    parsed = _parse(value, spec) if isinstance(value, CliText) else value
    if spec.is_optional and (parsed is None or (isinstance(parsed, str) and parsed.strip() == NONE)):
        return None
    if spec.is_tuple:
        items = parsed if isinstance(parsed, list | tuple) else [parsed]
        return tuple(_item(item, spec, where=where) for item in items)
    return _item(parsed, spec, where=where)


def located(options: Any) -> dict[str, Any]:
    """The fields of a record by name, paths absolute: what is stored. A text that names nothing stays: a pattern."""
    return {name: _located(spec.default, spec) for name, spec in specs(options).items()}


def _located(value: Any, spec: OptionSpec) -> Any:
    if isinstance(value, tuple):
        return tuple(_located(item, spec) for item in value)
    if isinstance(value, Path):
        return Path(os.path.abspath(value.expanduser()))
    path = os.path.expanduser(value) if spec.is_path and isinstance(value, str) else ""
    return os.path.abspath(path) if path and os.path.exists(path) else value


def check_declaration(spec: OptionSpec, *, where: str) -> None:
    """Refuse an option whose declaration is wrong: PluginError for its kind, ConfigError for its default."""
    if spec.item not in _TYPES and get_origin(spec.item) is not Literal:
        name = getattr(spec.type, "__name__", "") if get_origin(spec.type) is None else ""
        raise PluginError(f"{where}: option {spec.name!r} has type {name or spec.type}", hint=f"Allowed: {_ALLOWED}.")
    if spec.item is ComponentRef and spec.kind not in KINDS:
        guess = nearest(str(spec.kind), KINDS) if spec.kind else ""
        fault = f"no kind {spec.kind!r}{guess}" if spec.kind else "it names a component, but no kind of component"
        raise PluginError(f"{where}: option {spec.name!r}: {fault}", hint=f"Give it kind=...: {', '.join(KINDS)}")
    coerce(spec.default, spec, where=f"{where}: the default of option {spec.name}")


def parse_toml_value(text: str) -> Any:
    """The TOML value that the text is, else the text itself."""
    try:
        table = tomllib.loads(f"v = {text}")
    except (ValueError, RecursionError):  # ValueError: also a number of more digits than Python converts
        return str(text)
    return table["v"] if list(table) == ["v"] else str(text)


def to_plain(value: Any) -> Any:
    """The value as TOML and JSON can hold it."""
    if isinstance(value, ComponentRef):
        return {"name": value.name, **to_plain(value.options)} if value.options else value.name
    if isinstance(value, Mapping):
        return {k: to_plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(v) for v in value]
    if isinstance(value, Interval):
        return value.plain()
    return str(value) if isinstance(value, Path) else value


def refs(spec: OptionSpec, value: Any) -> Iterator[ComponentRef]:
    """The components that an option value names."""
    if spec.item is ComponentRef and value is not None:
        yield from value if spec.is_tuple else [value]


def _spec(field: "dataclasses.Field[Any]", hint: Any, default: Any) -> OptionSpec:
    names = ("help", "low", "high", "kind", "affects_hash", "former", "unit", "example", "is_path")
    metadata = {k: field.metadata[k] for k in names if k in field.metadata}
    return OptionSpec(name=field.name, type=hint, default=default, **metadata)


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        return next(a for a in get_args(hint) if a is not type(None))
    return hint


def _parse(text: CliText, spec: OptionSpec) -> Any:
    value = parse_toml_value(text)
    # --name 12 is text although TOML reads a number.
    is_text = spec.item in (str, Path) or get_origin(spec.item) is Literal
    is_infinite = isinstance(value, float) and not math.isfinite(value)  # errors show it as written: 1e400, not inf
    return str(text) if is_infinite or (is_text and not isinstance(value, str | list)) else value


def _item(value: Any, spec: OptionSpec, *, where: str) -> Any:
    if get_origin(spec.item) is Literal:
        return _choice(value, spec, where=where)
    if spec.item is ComponentRef:
        return _component_ref(value, where=where)
    if spec.item in (str, Path) and isinstance(value, str | Path):
        return spec.item(value)
    if spec.item is Interval:
        return _interval(value, where=where)
    # To Python a bool is an int: without the first condition "true" would pass for the number 1.
    fits = isinstance(value, bool) == (spec.item is bool) and isinstance(
        value, (int, float) if spec.item is float else spec.item
    )
    if not fits or not _in_range(value, spec):
        raise ConfigError(f"{where} {_short(value)}: must be {allowed(spec)}")
    return spec.item(value)


def _choice(value: Any, spec: OptionSpec, *, where: str) -> Any:
    choices = get_args(spec.item)
    if value not in choices or isinstance(value, bool):  # True == 1, which may be a choice
        guess = nearest(str(value), map(str, choices))
        raise ConfigError(f"{where} {_short(value)}: must be one of {', '.join(map(str, choices))}{guess}")
    return value


def _interval(value: Any, *, where: str) -> Interval:
    try:
        return Interval.parse(value)
    except ValueError as error:
        raise ConfigError(f"{where} {_short(value)}: {error}") from None


def _component_ref(value: Any, *, where: str) -> ComponentRef:
    if isinstance(value, ComponentRef):
        return value
    if isinstance(value, str):
        return ComponentRef(value)
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        return ComponentRef(value["name"], {k: v for k, v in value.items() if k != "name"})
    raise ConfigError(f"{where} {_short(value)}: must be a component's name, or {{name = ..., option = value}}")


def _in_range(value: float, spec: OptionSpec) -> bool:
    if not isinstance(value, int | float):
        return True
    is_high_enough = spec.low is None or value >= spec.low
    return _is_finite(value) and is_high_enough and (spec.high is None or value <= spec.high)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the largest float
        return False


def allowed(spec: OptionSpec) -> str:
    """What the option takes, in words."""
    nouns = {bool: "true or false", int: "a whole number", float: "a finite number", str: "text", Interval: ALLOWED}
    noun = nouns.get(spec.item, "a value")
    low = f" of at least {spec.low:g}" if spec.low is not None else ""
    high = f"{' and' if low else ' of'} at most {spec.high:g}" if spec.high is not None else ""
    return noun + low + high


def _short(value: Any) -> str:
    text = repr(to_plain(value))
    # A whole table may have been given by mistake; an error is one line.
    return text if len(text) <= 60 else text[:57] + "..."
