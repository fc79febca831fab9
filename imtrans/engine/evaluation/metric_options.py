"""The options of a metric that decide its numbers, as a hash and as the names of the numbers have them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import Component, ComponentRef
from imtrans.plugins.component_options import options_of
from imtrans.plugins.options import OptionSpec, refs, specs, to_plain, values


def changed_options(use: ComponentRef, catalog: Catalog) -> str:
    """The options that are not the default, "[window=7]"; "" if there are none, or the numbers' own names have them."""
    component = catalog.component("metric", use.name)
    known = component.info.named_options
    changed = _changed(component, use, catalog, without=known)
    return f"[{changed}]" if changed else ""


def hashed_options(use: ComponentRef, catalog: Catalog) -> dict[str, Any]:
    """All options that decide what comes out, as JSON has them; of files the names."""
    return _of_component(catalog.component("metric", use.name), use, catalog)


def _of_component(component: Component, use: ComponentRef, catalog: Catalog) -> dict[str, Any]:
    known, options = specs(component.options), values(options_of(component, use))
    return {k: _hashed_value(options[k], spec, catalog) for k, spec in known.items() if spec.affects_hash}


def _hashed_value(value: Any, spec: OptionSpec, catalog: Catalog) -> Any:
    """An option's value as JSON; a component with all of its options that decide numbers."""
    if not any(True for _ in refs(spec, value)):
        return nameable(value)
    kind = spec.kind or "activation"
    inner = [{"name": u.name, **_of_component(catalog.component(kind, u.name), u, catalog)} for u in refs(spec, value)]
    return inner if spec.is_tuple else inner[0]


def nameable(value: Any) -> Any:
    """A value as JSON; of a file the name: a hash must not depend on where somebody keeps a file."""
    return value.name if isinstance(value, Path) else to_plain(value)


def _changed(component: Component, use: ComponentRef, catalog: Catalog, *, without: Sequence[str] = ()) -> str:
    known, options = specs(component.options), values(options_of(component, use))
    changed = [
        f"{name}={_text(options[name], spec, catalog)}"
        for name, spec in known.items()
        if spec.affects_hash and name not in without and options[name] != spec.default
    ]
    return ",".join(changed)


def _text(value: Any, spec: OptionSpec, catalog: Catalog) -> str:
    """An option's value as people read it; a component by its name, with its own options that are not the default."""
    texts = []
    for inner in refs(spec, value):
        changed = _changed(catalog.component(spec.kind or "activation", inner.name), inner, catalog)
        texts.append(f"{inner.name}({changed})" if changed else inner.name)
    if texts:
        return "+".join(texts)
    plain = nameable(value)
    if isinstance(plain, list):
        return "+".join(map(str, plain))
    return str(plain).lower() if isinstance(plain, bool) else str(plain)
