"""What would otherwise be accepted and have no effect, or another one, is refused before anything is imported."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from config_factory import BUILT_IN, PLAIN, run

from imtrans.errors import ConfigError, PluginError
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import RESERVED_SLOTS, Component, ComponentRef, DatasetInfo, MethodInfo, Slot
from imtrans.plugins.discovery import PluginRecord, Selection, discover
from imtrans.plugins.options import option
from imtrans.plugins.recipe import Recipe

HEAD = """
from dataclasses import dataclass
from imtrans import Component, ComponentRef, DatasetInfo, MethodInfo, Recipe, Slot, hookimpl, option

@dataclass(frozen=True)
class Options:
    inner: ComponentRef = option(ComponentRef("relu"), "a component"KIND)

@hookimpl
def imtrans_provide():
    yield Recipe(name="own", summary="", method=ComponentRef("own"))
"""
METHOD = '    yield Component(kind="method", name="own", target="x:y", summary="", info=MethodInfo(slots={SLOTS}))\n'
RESERVED = "own: a slot may not be called {!r}: the configuration has a key of that name Rename it; these are taken: "
BROKEN = {
    **{f"slot-{n}": (METHOD.replace("SLOTS", f'"{n}": Slot(kind="loss")'), RESERVED.format(n)) for n in RESERVED_SLOTS},
    "slot-dotted": (METHOD.replace("SLOTS", '"a.b": Slot(kind="loss")'), "own: slot 'a.b' must be a Python identifier"),
    "slot-kind": (
        METHOD.replace("SLOTS", '"g": Slot(kind="generatr")'),
        "own: slot 'g': no kind 'generatr'; did you mean 'generator'? The kinds: generator, discriminator, ",
    ),
    "exporter": (
        '    yield Component(kind="exporter", name="own", target="x:y", summary="")\n',
        "own: an exporter needs info=ExporterInfo(...)",
    ),
    "metric": (
        '    yield Component(kind="metric", name="own", target="x:y", summary="", info=MethodInfo(slots={}))\n',
        "own: the info of a metric is a MetricInfo(...)",
    ),
    "command": (
        '    yield Component(kind="command", name="own", target="x:y", summary="")\n',
        "own: no kind 'command'",
    ),
    "option-without-kind": (
        '    yield Component(kind="loss", name="own", target="x:y", summary="", options=Options)\n',
        "own: option 'inner': it names a component, but no kind of component Give it kind=...: generator, ",
    ),
    "policy-without-kind": (
        METHOD.replace("slots={SLOTS}", "slots={}, policy=Options"),
        "own: policy: option 'inner': it names a component, but no kind of component Give it kind=...: generator, ",
    ),
    "path-option": (
        '    info = DatasetInfo(path_options=("iner",))\n'
        '    yield Component(kind="dataset", name="own", target="x:y", summary="", options=OptionsOfKind, info=info)\n',
        "own: path_options: no option 'iner'; did you mean 'inner'?",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", sorted(BROKEN))
def test_a_declaration_without_effect_is_refused_when_the_plugin_is_loaded(
    case: str, plugin_dist: Callable[..., Path]
) -> None:
    source, reason = BROKEN[case]
    kind = ', kind="activation"' if "OptionsOfKind" in source else ""
    plugin_dist("imtrans-mix", own_plugin=HEAD.replace("KIND", kind) + source.replace("OptionsOfKind", "Options"))
    plugins = discover(Selection())
    (record,) = [r for r in plugins.records if r.name == "own_plugin"]
    assert record.error.startswith(reason)
    with pytest.raises(ConfigError, match=r"no recipe 'own'.* \(not loaded: .*own_plugin"):
        run(Catalog(plugins.records), recipe="own")


def test_an_option_of_unknown_kind_is_told_with_the_nearest(plugin_dist: Callable[..., Path]) -> None:
    source = BROKEN["option-without-kind"][0]
    plugin_dist("imtrans-mix", own_plugin=HEAD.replace("KIND", ', kind="activaton"') + source)
    (record,) = [r for r in discover(Selection()).records if r.name == "own_plugin"]
    assert record.error.startswith("own: option 'inner': no kind 'activaton'; did you mean 'activation'? Give it kind=")


@dataclass(frozen=True)
class Kindless:
    inner: ComponentRef = option(ComponentRef("relu"), "a component")


def test_an_option_without_kind_is_refused_by_a_catalog_made_by_hand() -> None:
    component = Component(kind="generator", name="own", target="x:y", summary="", options=Kindless)
    catalog = of_others({"d": (component,)})
    with pytest.raises(PluginError, match=r"^--set generator\.inner: it names a component, but its option declares"):
        run(catalog, "generator=own", "generator.inner=relu")


def of_others(provided: dict[str, tuple[Component | Recipe, ...]], *, with_built_in: bool = True) -> Catalog:
    records = [PluginRecord(name=d, target="x", distribution=d, provided=things) for d, things in provided.items()]
    return Catalog([*(BUILT_IN if with_built_in else ()), *records])


def data_set(name: str, **info: bool | tuple[str, ...]) -> Component:
    return Component(kind="dataset", name=name, target="x:y", summary="", info=DatasetInfo(**info))


METHOD_OF_OTHERS = Component(
    kind="method", name="m", target="x:y", summary="", info=MethodInfo(slots={"g": Slot(kind="generator")})
)
OTHERS = (METHOD_OF_OTHERS, PLAIN, Recipe(name="own", summary="", method=ComponentRef("m")))


def test_the_built_in_default_stays_when_a_plugin_declares_another() -> None:
    catalog = of_others({"d": (data_set("mine", is_default=True),)})
    assert run(catalog).dataset.component.info.is_default
    assert run(catalog).dataset.name != "mine"


def test_a_plugins_data_set_can_be_the_default() -> None:
    catalog = of_others({"d": (*OTHERS, data_set("mine", is_default=True))}, with_built_in=False)
    assert run(catalog, "g=plain", recipe="own").dataset.name == "mine"


def test_two_default_data_sets_are_named_unless_one_is_chosen() -> None:
    sets = {"d": (data_set("mine", is_default=True),), "e": (*OTHERS, data_set("other", is_default=True))}
    catalog = of_others(sets, with_built_in=False)
    with pytest.raises(ConfigError) as caught:
        run(catalog, "g=plain", recipe="own")
    assert caught.value.what == "each of mine, other says that it is the default data set"
    assert caught.value.hint == "Name one: --dataset NAME"
    assert run(catalog, "g=plain", recipe="own", dataset="other").dataset.name == "other"


def test_without_a_default_data_set_one_must_be_named() -> None:
    catalog = of_others({"d": (*OTHERS, data_set("mine"))}, with_built_in=False)
    with pytest.raises(ConfigError, match="nothing that is installed is the default data set"):
        run(catalog, "g=plain", recipe="own")


@dataclass(frozen=True)
class Table:
    file: str = option("", "a table of pairs")


def test_a_plugins_data_set_can_take_the_path_of_a_command_line(tmp_path: Path) -> None:
    info = DatasetInfo(path_options=("file",))
    table = Component(kind="dataset", name="table", target="x:y", summary="", options=Table, info=info)
    catalog = of_others({"d": (*OTHERS, table)}, with_built_in=False)
    config = run(catalog, "g=plain", recipe="own", dataset=tmp_path)
    assert (config.dataset.name, config.dataset.options.file) == ("table", str(tmp_path))
