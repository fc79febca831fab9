"""What each origin says, as layers of assignments to dotted keys."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from imtrans.errors import ConfigError
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef
from imtrans.plugins.options import NONE, CliText, OptionSpec, coerce, parse_toml_value
from imtrans.plugins.recipe import Recipe

_ONE_NAME = OptionSpec(name="name", type=ComponentRef, default=None)
_MANY_NAMES = OptionSpec(name="names", type=tuple[ComponentRef, ...], default=())


@dataclasses.dataclass(frozen=True)
class Assignment:
    """One value for one dotted key; `where` is how the user would find it again."""

    path: tuple[str, ...]
    value: Any
    where: str

    @property
    def key(self) -> str:
        return ".".join(self.path)


@dataclasses.dataclass(frozen=True)
class Layer:
    """Assignments of one origin. Those of an advice are dropped where nothing takes them; others are errors.

    A record (`is_record`) was written by a run, maybe of an earlier release: options are also known by former names.
    """

    origin: str
    assignments: Sequence[Assignment]
    is_advice: bool = False
    is_record: bool = False


def layers_of_recipe(catalog: Catalog, name: str) -> list[Layer]:
    """A recipe's values, after those of the recipes it is based on."""
    return [_of_recipe(r) for r in _chain(catalog, name)]


def layer_of_advice(dataset: str, advice: Mapping[str, Any]) -> Layer:
    """What a data set advises."""
    origin = f"dataset {dataset}"
    return Layer(origin, _dotted(advice, origin), is_advice=True)


def refs_of(a: Assignment, *, many: bool) -> tuple[ComponentRef, ...]:
    """The components that the value of an assignment names."""
    value = coerce(a.value, _MANY_NAMES if many else _ONE_NAME, where=a.where)
    uses: tuple[ComponentRef, ...] = value if many else (value,)
    return uses


def nested(current: Any, field: str, a: Assignment) -> ComponentRef:
    """The component an option names, with one thing about it changed."""
    value = coerce(a.value, OptionSpec(name=field, type=str, default=""), where=a.where) if field == "name" else a.value
    if field == "name":
        return ComponentRef(value)
    one = current[0] if isinstance(current, tuple) and len(current) == 1 else current
    if not isinstance(one, ComponentRef):
        raise ConfigError(f"{a.where}: {a.path[-2]} names several components; give the whole list")
    return ComponentRef(
        one.name, {**one.options, field: parse_toml_value(value) if isinstance(value, CliText) else value}
    )


def check_exclusive(layer: Layer) -> None:
    """Refuse epochs and steps from one origin: neither can go before the other."""
    given = [a for a in layer.assignments if a.value not in (None, NONE)]
    both = [a for a in given if a.path in (("train", "epochs"), ("train", "steps"))]
    if len({a.path for a in both}) > 1:
        raise ConfigError(f"{both[0].where} and {both[1].where}: give epochs or steps, not both")


def _chain(catalog: Catalog, name: str) -> list[Recipe]:
    chain = [catalog.recipe(name)]
    while chain[0].base:
        base = catalog.recipe(chain[0].base)
        if base in chain:
            raise ConfigError(
                f"recipe {name!r} comes back to its own base {base.name!r}", hint="Tell its plugin's authors."
            )
        chain.insert(0, base)
    return chain


def _of_recipe(recipe: Recipe) -> Layer:
    origin = f"recipe {recipe.name}"
    given: dict[str, Any] = {"method": recipe.method, **recipe.networks, **recipe.losses, "dataset": recipe.dataset}
    given |= {"augment": recipe.augment, "metrics": recipe.metrics}
    given |= {f"{s}.{k}": v for s in ("data", "train", "inference") for k, v in getattr(recipe, s).items()}
    return Layer(origin, _dotted({k: v for k, v in given.items() if v is not None}, origin))


def _dotted(given: Mapping[str, Any], origin: str) -> list[Assignment]:
    return [Assignment(tuple(key.split(".")), value, f"{origin}: {key}") for key, value in given.items()]
