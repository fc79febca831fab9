"""What each source of a configuration sets, as layers of assignments to dotted keys."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from imtrans.errors import ConfigError
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef
from imtrans.plugins.options import NONE, CliText, OptionSpec, coerce, parse_toml_value
from imtrans.plugins.recipe import Recipe

# Without a kind: which component a name means is looked up where its slot is known.
_ONE_NAME = OptionSpec(name="name", type=ComponentRef, default=None)
_MANY_NAMES = OptionSpec(name="names", type=tuple[ComponentRef, ...], default=())


@dataclasses.dataclass(frozen=True)
class Assignment:
    """One value for one dotted key; `where` names the place as the user wrote it, for errors. `is_added`: its
    components come beside those that are there."""

    path: tuple[str, ...]
    value: Any
    where: str
    is_added: bool = False

    @classmethod
    def of(cls, key: str, value: Any, where: str) -> "Assignment":
        """That of a dotted key, or of a key with "+" behind it, which adds."""
        return cls(tuple(key.removesuffix("+").split(".")), value, where, is_added=key.endswith("+"))

    @property
    def key(self) -> str:
        """The dotted key."""
        return ".".join(self.path)


@dataclasses.dataclass(frozen=True)
class Layer:
    """The assignments of one origin. Those of advice are dropped where nothing takes them; others are errors then.

    `is_record`: it was written by a run, maybe of an earlier release; former names of options are no fault then.
    `is_recipe`: what it says of parts of its own networks says nothing of another one.
    """

    origin: str
    assignments: Sequence[Assignment]
    is_advice: bool = False
    is_record: bool = False
    is_recipe: bool = False


def layers_of_recipe(catalog: Catalog, name: str) -> list[Layer]:
    """A recipe's values, after those of the recipes it is based on."""
    files = [(e.thing, e.plugin.target) for e in catalog.entries("recipe") if e.plugin.target.endswith(".toml")]
    chain = recipe_chain(catalog, name)
    return [_layer_of_recipe(recipe, next((file for thing, file in files if thing is recipe), "")) for recipe in chain]


def layer_of_advice(dataset: str, advice: Mapping[str, Any]) -> Layer:
    """What a data set advises."""
    origin = f"dataset {dataset}"
    return Layer(origin, _assignments(advice, origin), is_advice=True)


def refs_of(assignment: Assignment, *, many: bool) -> tuple[ComponentRef, ...]:
    """The components that the value of an assignment names."""
    value = coerce(assignment.value, _MANY_NAMES if many else _ONE_NAME, where=assignment.where)
    refs: tuple[ComponentRef, ...] = value if many else (value,)
    return refs


def nested(current: Any, path: Sequence[str], assignment: Assignment) -> ComponentRef:
    """The component that an option names, with its name, one of its options, or of theirs, set by the assignment.

    ConfigError if the option names several: the key cannot say which of them is meant.
    """
    (field, *rest), value = path, assignment.value
    if field == "name":
        return ComponentRef(coerce(value, OptionSpec(name=field, type=str, default=""), where=assignment.where))
    ref = current[0] if isinstance(current, tuple | list) and len(current) == 1 else current
    if not isinstance(ref, ComponentRef):
        raise ConfigError(f"{assignment.where}: {assignment.path[-2]} names several components; give the whole list")
    if rest:
        return ComponentRef(ref.name, {**ref.options, field: nested(_inner(ref, field), rest, assignment)})
    # An option inside has no type yet: text is read as TOML, and checked when the component is known.
    return ComponentRef(
        ref.name, {**ref.options, field: parse_toml_value(value) if isinstance(value, CliText) else value}
    )


def _inner(ref: ComponentRef, field: str) -> Any:
    """What an option inside names, if it names components."""
    value = ref.options.get(field)
    is_ref = isinstance(value, str | Mapping)
    return coerce(value, OptionSpec(name=field, type=ComponentRef, default=None), where=field) if is_ref else value


def check_exclusive(layer: Layer) -> None:
    """Refuse epochs and steps from one origin: neither can go before the other."""
    lengths = [a for a in layer.assignments if a.path in (("train", "epochs"), ("train", "steps"))]
    lengths = [a for a in lengths if a.value not in (None, NONE)]  # every record of a run says that one is not set
    if len({a.path for a in lengths}) > 1:
        raise ConfigError(f"{lengths[0].where} and {lengths[1].where}: give epochs or steps, not both")


def recipe_chain(catalog: Catalog, name: str) -> list[Recipe]:
    """A recipe after those that it is based on. ConfigError if it is, in the end, based on itself."""
    chain = [catalog.recipe(name)]
    while chain[0].base:
        base = catalog.recipe(chain[0].base)
        if base in chain:  # else it would be followed for ever
            raise ConfigError(
                f"recipe {name!r} comes back to its own base {base.name!r}", hint="Tell its plugin's authors."
            )
        chain.insert(0, base)
    return chain


def _layer_of_recipe(recipe: Recipe, file: str) -> Layer:
    origin = f"recipe {recipe.name}{f' ({file})' if file else ''}"
    tree: dict[str, Any] = {"method": recipe.method, **recipe.networks, **recipe.losses, "dataset": recipe.dataset}
    tree |= {"augment": recipe.augment, "metrics": recipe.metrics}
    tree |= {f"{s}.{k}": v for s in ("data", "train", "inference") for k, v in getattr(recipe, s).items()}
    return Layer(origin, _assignments({k: v for k, v in tree.items() if v is not None}, origin), is_recipe=True)


def _assignments(dotted: Mapping[str, Any], origin: str) -> list[Assignment]:
    return [Assignment(tuple(key.split(".")), value, f"{origin}: {key}") for key, value in dotted.items()]
