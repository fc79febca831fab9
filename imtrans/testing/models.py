"""Whole models for checks: a recipe with some keys set, freshly initialised."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from imtrans.interfaces import DataSpec
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef

if TYPE_CHECKING:
    from imtrans.config.schema import RunConfig


def config_of(recipe: str, settings: Mapping[str, Any], *, catalog: Catalog) -> "RunConfig":
    """The configuration of a recipe with these keys set, as by --set; ConfigError names a key that is wrong."""
    from imtrans.config.resolve import resolve
    from imtrans.config.sources import Assignment, Layer

    assignments = [Assignment.of(key, value, f"{recipe}: {key}") for key, value in settings.items()]
    return resolve(catalog, recipe, layers=[Layer("the check", assignments)])


def model_of(recipe: str, settings: Mapping[str, Any], *, data_spec: DataSpec, catalog: Catalog) -> Any:
    """A model of a recipe with these keys set."""
    import torch

    from imtrans.engine import build

    config = config_of(recipe, settings, catalog=catalog)
    factory, cpu = build.ComponentFactory(catalog), torch.device("cpu")
    return build.model(config, data_spec, factory=factory, device=cpu, seed=0)


def model_with(slot: str, name: str, *, data_spec: DataSpec, size: int, catalog: Catalog, **options: Any) -> Any:
    """A model of the default recipe in whose slot is the component of this name."""
    from imtrans.plugins.defaults import default_recipe

    settings = {slot: ComponentRef(name, options), "data.size": (size,)}
    return model_of(default_recipe(catalog), settings, data_spec=data_spec, catalog=catalog)
