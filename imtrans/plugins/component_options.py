"""The options that a reference to a component means."""

import dataclasses
from typing import Any

from imtrans.errors import ConfigError, nearest
from imtrans.plugins.component import Component, ComponentRef
from imtrans.plugins.options import coerce, default_record, specs


def options_of(component: Component, ref: ComponentRef) -> Any:
    """The component's option record with the values of `ref`, typed and checked."""
    known = specs(component.options)
    unknown = next((name for name in ref.options if name not in known), None)
    if unknown:
        raise ConfigError(f"{component.kind} {ref.name!r} has no option {unknown!r}{nearest(unknown, known)}")
    options = {name: coerce(value, known[name], where=f"{ref.name}.{name}") for name, value in ref.options.items()}
    return dataclasses.replace(default_record(component.options), **options)
