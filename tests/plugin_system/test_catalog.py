from typing import Any

import pytest

from imtrans.errors import ConfigError, PluginError
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import Component, ComponentRef
from imtrans.plugins.discovery import PluginRecord
from imtrans.plugins.options import OptionSpec


def gelu(summary: str = "mine") -> Component:
    return Component(kind="activation", name="gelu", target="torch.nn:GELU", summary=summary)


def plugin(distribution: str, *provided: Component, **given: Any) -> PluginRecord:
    return PluginRecord(name="p", target="p", distribution=distribution, version="1.2", provided=provided, **given)


def test_a_component_is_found_by_kind_and_name(catalog: Catalog) -> None:
    assert catalog.component("generator", "unet256").target == "imtrans_unet.build:unet"
    assert catalog.component("loss", "l1") != catalog.component("metric", "l1")
    assert catalog.recipe("pix2pix").name == "pix2pix"
    assert catalog.component("activation", "imtrans:mish").name == "mish"


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("generator", "unet265", "no generator 'unet265'; did you mean 'unet256'?"),
        ("activation", "zzz", "no activation 'zzz'; there are gelu, leaky-relu, mish, relu, silu"),
        ("activation", "else:mish", "no activation 'else:mish'"),
        ("augmentation", "", "no augmentation ''; there are kornia-color, kornia-flip, kornia-jitter"),
        ("importer", "onnx", "no importer 'onnx'; 'onnx' is an exporter"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest_or_all(catalog: Catalog, kind: str, name: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        catalog.entry(kind, name)
    assert caught.value.what.startswith(message)
    assert caught.value.hint == f"All of them: imtrans list {kind}"


def test_a_shipped_name_stays_the_built_ins() -> None:
    catalog = Catalog([plugin("other", gelu()), plugin("imtrans", gelu("theirs"))])
    assert catalog.component("activation", "gelu").summary == "theirs"
    assert catalog.component("activation", "other:gelu").summary == "mine"
    assert [o.name for o in catalog.entries("activation")] == ["other:gelu", "gelu"]
    assert catalog.clashes() == [
        "'gelu' is offered by other 1.2 and imtrans 1.2; the bare name is the built-in; use other:gelu"
    ]


def test_a_name_of_two_third_parties_is_ambiguous_and_both_are_named() -> None:
    catalog = Catalog([plugin("one", gelu("of one")), plugin("two", gelu("of two"))])
    with pytest.raises(PluginError) as caught:
        catalog.component("activation", "gelu", where="--set x")
    assert caught.value.what == "--set x: activation 'gelu' is offered by one 1.2 and two 1.2"
    assert caught.value.hint == "Say which: one:gelu or two:gelu."
    assert catalog.component("activation", "two:gelu").summary == "of two"
    assert catalog.clashes() == ["'gelu' is offered by one 1.2 and two 1.2; use one:gelu and two:gelu"]


def test_what_a_broken_plugin_would_give_is_its_fault() -> None:
    catalog = Catalog([plugin("imtrans", gelu()), plugin("bad", error="No module named 'x'")])
    with pytest.raises(PluginError) as caught:
        catalog.component("activation", "bad:mish")
    assert caught.value.what == "activation 'bad:mish': plugin p 1.2 (dist bad) not loaded: No module named 'x'"
    assert caught.value.hint == "Fix or reinstall bad."
    with pytest.raises(ConfigError, match=r"no activation 'mish'; there are gelu \(not loaded: p\)"):
        catalog.component("activation", "mish")


def test_the_components_of_an_option_are_checked_with_their_options(catalog: Catalog) -> None:
    spec = OptionSpec(name="a", type=tuple[ComponentRef, ...], default=(), kind="activation")
    catalog.check_refs(spec, (ComponentRef("mish"), ComponentRef("leaky-relu", {"slope": 0.3})), where="--set a")
    with pytest.raises(ConfigError, match=r"--set a: no activation 'mihs'; did you mean 'mish'\?"):
        catalog.check_refs(spec, (ComponentRef("mihs"),), where="--set a")
    with pytest.raises(ConfigError, match=r"--set a: leaky-relu has no option 'slop'; did you mean 'slope'\?"):
        catalog.check_refs(spec, (ComponentRef("leaky-relu", {"slop": 0.3}),), where="--set a")
    with pytest.raises(ConfigError, match=r"--set a: leaky-relu\.slope -1: must be a finite number of at least 0"):
        catalog.check_refs(spec, (ComponentRef("leaky-relu", {"slope": -1}),), where="--set a")
