"""Command lines resolved in tests, with things that other people's plugins give."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from imtrans.cli.shared.command_config import ConfigFlags, configured
from imtrans.config.schema import RunConfig
from imtrans.errors import ConfigError
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import Component, DatasetInfo
from imtrans.plugins.discovery import PluginRecord, Selection, discover
from imtrans.plugins.options import option
from imtrans.plugins.recipe import Recipe

BUILT_IN = tuple(discover(Selection(others=False)).records)


@dataclass(frozen=True, kw_only=True)
class Plain:
    width: int = option(8, "channels", low=1, high=12)
    norm: Literal["layer", "none"] = option("layer", "norm layer")
    limit: int | None = option(5, "at most; none: no limit")


def given_by_others(*things: Component | Recipe) -> Catalog:
    return Catalog([*BUILT_IN, PluginRecord(name="x", target="x", distribution="dist-x", provided=things)])


def dataset(**advice: Any) -> Component:
    named = {k.replace("__", "."): v for k, v in advice.items()}
    return Component(kind="dataset", name="own", target="x:y", summary="", info=DatasetInfo(advice=named))


PLAIN = Component(kind="generator", name="plain", target="x:y", summary="", options=Plain)


def run(catalog: Catalog, *settings: str, recipe: str = "pix2pix", **flags: str | Path) -> RunConfig:
    return configured(catalog, recipe, ConfigFlags(settings=settings, **{k: str(v) for k, v in flags.items()}))


def refused(catalog: Catalog, *settings: str, **flags: str | Path) -> str:
    with pytest.raises(ConfigError) as caught:
        run(catalog, *settings, **flags)
    assert caught.value.exit_code == 2
    return caught.value.what
