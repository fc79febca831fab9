"""Which plugins load, and which of them a name means."""

import ast
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imtrans.plugins import hookspecs
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.discovery import Selection, discover

HEAD = "from imtrans import Component, Recipe, hookimpl\n\n@hookimpl\ndef imtrans_provide():\n"
GOOD = HEAD + '    yield Component(kind="activation", name="NAME", target="torch.nn:Softplus", summary="smooth")\n'


def test_a_name_clash_with_a_built_in_leaves_the_bare_name_to_it(
    plugin_dist: Callable[..., Path], cli: Callable
) -> None:
    plugin_dist("imtrans-rival", rival_plugin=GOOD.replace("NAME", "mish"))
    assert "smooth" not in cli("list", "activation", "mish").out
    assert cli("list", "activation", "imtrans-rival:mish").out.startswith("activation imtrans-rival:mish: smooth")
    ended = cli("list", "activations")
    assert "  imtrans-rival:mish  smooth  [imtrans-rival 1.0]\n" in ended.out
    assert "Warning: 'mish' is offered by imtrans " in ended.err
    assert ended.err.endswith("the bare name is the built-in; use imtrans-rival:mish\n")


def test_a_name_of_two_third_parties_is_picked_by_its_distribution(
    plugin_dist: Callable[..., Path], cli: Callable
) -> None:
    plugin_dist("imtrans-one", one_plugin=GOOD.replace("NAME", "softplus"))
    plugin_dist("imtrans-two", two_plugin=GOOD.replace("NAME", "softplus"))
    both = cli("run", "pix2pix", "--dry-run", "--set", "generator.encoder_activation=softplus")
    assert both.code == 8
    assert both.err == (
        "Error: --set generator.encoder_activation: "
        "activation 'softplus' is offered by imtrans-one 1.0 and imtrans-two 1.0\n"
        "Say which: imtrans-one:softplus or imtrans-two:softplus.\n"
    )
    one = cli("run", "pix2pix", "--dry-run", "--set", "generator.encoder_activation=imtrans-two:softplus")
    assert one.code == 0
    assert '["imtrans-two:softplus"]' in one.out


def test_a_recipe_with_a_built_ins_name_is_shown_as_its_own(plugin_dist: Callable[..., Path], cli: Callable) -> None:
    recipe = '    yield Recipe(name="pix2pix", summary="mine", base="imtrans:pix2pix", train={"seed": 7})\n'
    plugin_dist("imtrans-rival", rival_plugin=HEAD + recipe)
    assert "train.seed = 7  (recipe pix2pix)" in cli("list", "recipe", "imtrans-rival:pix2pix").out
    assert "train.seed" not in cli("list", "recipe", "pix2pix").out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("allowed", "denied", "loaded"),
    [
        (None, None, {"one_plugin", "two_plugin"}),
        ("one_plugin", None, {"one_plugin"}),
        ("imtrans-one", None, {"one_plugin"}),
        ("Imtrans_One", None, {"one_plugin"}),
        ("", None, set()),
        (None, "two_plugin", {"one_plugin"}),
        (None, "imtrans_two, imtrans-one", set()),
        (None, "1", set()),
        ("one_plugin,two_plugin", "one-plugin", {"two_plugin"}),
    ],
)
def test_the_lists_decide_what_is_imported(
    allowed: str | None,
    denied: str | None,
    loaded: set[str],
    plugin_dist: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("one", "two"):
        plugin_dist(f"imtrans-{name}", **{f"{name}_plugin": GOOD.replace("NAME", name)})
    for variable, value in (("IMTRANS_PLUGINS", allowed), ("IMTRANS_DISABLE_PLUGINS", denied)):
        if value is None:
            monkeypatch.delenv(variable, raising=False)
        else:
            monkeypatch.setenv(variable, value)
    found = discover()
    assert {r.name for r in found.records if not r.is_builtin} == loaded
    assert {m for m in ("one_plugin", "two_plugin") if m in sys.modules} == loaded
    assert Catalog(found.records).component("generator", "unet256")


def test_no_plugins_imports_only_what_ships_with_imtrans(plugin_dist: Callable[..., Path], cli: Callable) -> None:
    plugin_dist("imtrans-one", one_plugin=GOOD)
    ended = cli("--no-plugins", "list")
    assert (ended.code, ended.err) == (0, "")
    assert "unet256" in ended.out
    assert "one_plugin" not in sys.modules


def test_the_deny_list_can_take_out_a_built_in_by_its_plugin() -> None:
    found = discover(Selection(others=False, deny=frozenset({"unet", "imtrans"})))
    assert "unet" not in [r.name for r in found.records]
    assert "patchgan" in [r.name for r in found.records]


def test_a_one_file_plugin_is_loaded_by_p(tmp_path: Path, cli: Callable) -> None:
    (tmp_path / "my_act.py").write_text(GOOD.replace("NAME", "softer"))
    ended = cli("-p", "my_act.py", "list", "activations")
    assert ended.code == 0
    assert "  softer      smooth  [my_act]\n" in ended.out
    assert "from my_act, plugin my_act\n" in cli("-p", "my_act.py", "list", "activation", "softer").out


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("broken.py", "import no_such_thing", "Error: plugin file broken.py: No module named 'no_such_thing'"),
        ("broken.py", None, "Error: plugin file broken.py: broken.py is not a Python file"),
        ("json.py", GOOD, "a module 'json' exists already: Python's own; give the file another name"),
        ("imtrans.py", GOOD, "a module 'imtrans' exists already: "),
        ("broken.txt", GOOD, "Error: plugin file broken.txt: broken.txt is not a Python file"),
    ],
)
def test_a_broken_one_file_plugin_ends_with_8(
    name: str, source: str | None, message: str, tmp_path: Path, cli: Callable
) -> None:
    before = dict(sys.modules)
    if source is not None:
        (tmp_path / name).write_text(source)
    ended = cli("-p", name, "list")
    assert (ended.code, ended.out) == (8, "")
    assert message in ended.err
    assert ended.err.endswith("Fix the file, or leave out -p.\n")
    assert sys.modules.get(Path(name).stem) is before.get(Path(name).stem)


def test_hook_imtrans_provide_gives_what_the_catalogue_offers(plugin_dist: Callable[..., Path]) -> None:
    plugin_dist("imtrans-one", version="3.1", one_plugin=GOOD.replace("NAME", "softplus"))
    found = discover(Selection())
    (record,) = [r for r in found.records if r.name == "one_plugin"]
    assert [c.name for c in record.provided] == ["softplus"]
    assert (record.distribution, record.version, record.target) == ("imtrans-one", "3.1", "one_plugin")
    assert "torch.nn:Softplus" in [o.thing.target for o in Catalog(found.records).entries("activation")]
    assert found.versions()["imtrans-one:one_plugin"]["version"] == "3.1"


@pytest.mark.slow
def test_every_hook_has_a_test() -> None:
    hooks = {n for n, v in vars(hookspecs).items() if n.startswith("imtrans_") and callable(v)}
    assert len(hooks) >= 6
    tested = set()
    for file in Path(__file__).parents[1].rglob("test_*.py"):
        functions = [n for n in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(n, ast.FunctionDef)]
        named = [re.match(r"test_hook_(?:imtrans_)?(\w+)", f.name) for f in functions]
        tested |= {h for m in named if m for h in hooks if m[1].startswith(h.removeprefix("imtrans_"))}
    assert sorted(hooks - tested) == []
