"""Discovery: what is found, and that a broken plugin costs only itself (rows P01 to P18 of the faults)."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from imtrans.plugins.catalog import Catalog
from imtrans.plugins.discovery import Plugins, Selection, discover

GOOD = """
from imtrans import Component, hookimpl

@hookimpl
def imtrans_provide():
    yield Component(kind="activation", name="NAME", target="torch.nn:Softplus", summary="smooth")
"""
HEAD = "from imtrans import Component, MethodInfo, Recipe, ComponentRef, hookimpl\n"
BROKEN = {
    "import-error": ("import no_such_thing", "No module named 'no_such_thing'"),
    "syntax-error": ("def (", "SyntaxError: invalid syntax (bad_plugin.py, line 1)"),
    "exit": ("import sys; sys.exit(3)", "it called sys.exit(3) when it was imported"),
    "raises-at-import": ("1 / 0", "ZeroDivisionError: division by zero"),
    "raises-without-words": ("raise ValueError", "ValueError: no message"),
    "misspelt-hook": (
        HEAD + "@hookimpl\ndef imtrans_provid(): pass",
        "PluginValidationError: unknown hook 'imtrans_provid' in plugin <module 'bad_plugin'",
    ),
    "unknown-argument": (
        HEAD + "@hookimpl\ndef imtrans_logged(run, epoch): pass",
        "hook 'imtrans_logged' hookimpl definition: imtrans_logged(run, epoch) Argument(s) {'epoch'} are declared",
    ),
    "none": (
        HEAD + "@hookimpl\ndef imtrans_provide(): pass",
        "imtrans_provide gave None: must be a list of Component, Recipe or EvalProtocol",
    ),
    "wrong-type": (
        HEAD + "@hookimpl\ndef imtrans_provide(): return ['relu']",
        "imtrans_provide gave 'relu': must be a Component, Recipe or EvalProtocol",
    ),
    "no-list": (
        HEAD + "@hookimpl\ndef imtrans_provide(): return 3",
        "TypeError: 'int' object is not iterable",
    ),
    "raises": (HEAD + "@hookimpl\ndef imtrans_provide(): raise RuntimeError('oh\\nno')", "RuntimeError: oh no"),
    "half-way": (GOOD.replace("NAME", "half") + "    raise OSError('gone')", "OSError: gone"),
    "twice": (GOOD.replace("NAME", "half") + "    yield from imtrans_provide()", "RecursionError"),
    "bad-name": (
        GOOD.replace("NAME", "My Half"),
        "component name 'My Half': must be lower-case words, digits and hyphens",
    ),
    "bad-target": (
        GOOD.replace("NAME", "half").replace(":Softplus", ".Softplus"),
        "half: target 'torch.nn.Softplus' must have the form module:attribute",
    ),
    "bad-kind": (
        GOOD.replace("NAME", "half").replace('"activation"', '"activator"'),
        "half: no kind 'activator'; did you mean 'activation'? The kinds: generator, discriminator",
    ),
    "method-without-info": (
        GOOD.replace("NAME", "half").replace('"activation"', '"method"'),
        "half: a method needs info=MethodInfo(...)",
    ),
    "dataset-without-info": (
        GOOD.replace("NAME", "half").replace('"activation"', '"dataset"'),
        "half: a data set needs info=DatasetInfo(...)",
    ),
}
OPTIONS = """
from dataclasses import dataclass
from imtrans import Component, hookimpl, option

@dataclass(frozen=True, kw_only=True)
class Options:
    FIELD

@hookimpl
def imtrans_provide():
    return [Component(kind="activation", name="half", target="torch.nn:ReLU", summary="", options=Options)]
"""
BROKEN |= {
    "leaves": ("import os\nos._exit(0)", "it called sys.exit(0) when it was imported"),
    "unmarked": (GOOD.replace("@hookimpl\n", ""), "it has no hook: imtrans_provide, and each other, is marked with"),
    "one-alone": (
        GOOD.replace("yield", "return").replace("NAME", "half"),
        "imtrans_provide gave 'half' alone: must be a list",
    ),
    "thawed": (
        OPTIONS.replace("frozen=True, ", "").replace("FIELD", "count: int = option(1, '')"),
        "half: its options (Options) must be a frozen dataclass",
    ),
}
BROKEN |= {
    f"option-{number}": (OPTIONS.replace("FIELD", field), message)
    for number, (field, message) in enumerate(
        [
            ("name: str = option('a', '')", "half: an option may not be called 'name'"),
            ("weight: float = option(1.0, '')", "half: an option may not be called 'weight'"),
            ("count: int = option('a', '')", "half: the default of option count 'a': must be a whole number"),
            ("rate: float = option(2.0, '', high=1)", "half: the default of option rate 2.0: must be a finite number"),
            ("sizes: list[int] = option((1,), '')", "half: option 'sizes' has type list[int]"),
            ("thing: Nothing = option(1, '')", "NameError: name 'Nothing' is not defined"),
        ]
    )
}


def others(found: Plugins) -> dict[str, str]:
    return {r.name: r.error for r in found.records if not r.is_builtin}


@pytest.mark.slow
@pytest.mark.parametrize("fault", sorted(BROKEN))
def test_a_broken_plugin_is_named_and_costs_only_itself(fault: str, plugin_dist: Callable[..., Path]) -> None:
    source, reason = BROKEN[fault]
    plugin_dist("imtrans-mix", version="1.2", bad_plugin=source, good_plugin=GOOD.replace("NAME", "softplus"))
    found = discover(Selection())
    assert others(found)["good_plugin"] == ""
    (record,) = found.broken
    assert record.complaint.startswith("plugin bad_plugin 1.2 (dist imtrans-mix) not loaded: ")
    assert reason in record.error
    assert record.trace
    assert record.provided == ()
    assert not found.manager.has_plugin("imtrans-mix:bad_plugin")
    catalog = Catalog(found.records)
    assert catalog.component("activation", "softplus")
    assert "half" not in [o.thing.name for o in catalog.entries()]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("good_plugin:missing", "AttributeError: module 'good_plugin' has no attribute 'missing'"),
        ("gone_package", "No module named 'gone_package'"),
        ("not a target", "AttributeError"),
    ],
)
def test_an_entry_point_to_nothing_is_named(target: str, reason: str, plugin_dist: Callable[..., Path]) -> None:
    plugin_dist("imtrans-mix", points={"lost": target}, good_plugin=GOOD)
    assert others(discover(Selection()))["lost"].startswith(reason)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "content", "name", "reason"),
    [
        ("METADATA", "", "good_plugin", "it has no name"),
        ("METADATA", None, "good_plugin", ""),
        ("entry_points.txt", "[imtrans]\nfoo", "imtrans_mix-1.0", "Error: "),
        ("entry_points.txt", b"\xff\xfe\x00", "imtrans_mix-1.0", "UnicodeDecodeError"),
    ],
)
def test_a_distribution_with_broken_metadata_is_skipped_and_named(
    file: str, content: str | bytes | None, name: str, reason: str, plugin_dist: Callable[..., Path]
) -> None:
    info = plugin_dist("imtrans-mix", good_plugin=GOOD) / "imtrans_mix-1.0.dist-info"
    if content is None:
        (info / file).unlink()
    else:
        (info / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    found = discover(Selection())
    error = others(found)[name]
    assert error.startswith(f"metadata in {info}: ")
    assert reason in error
    assert Catalog(found.records).component("generator", "unet256")
    assert others(discover(Selection(others=False))) == {}


def test_a_keyboard_interrupt_at_import_passes(plugin_dist: Callable[..., Path], cli: Callable) -> None:
    plugin_dist("imtrans-mix", stop_plugin="raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        discover(Selection())
    ended = cli("list")
    assert (ended.code, ended.out, ended.err) == (130, "", "Interrupted while plugin stop_plugin was loading.\n")


def test_a_plugin_that_takes_long_is_named_while_it_is_imported(plugin_dist: Callable[..., Path], monkeypatch, capsys):
    monkeypatch.setattr("imtrans.plugins.loading_guard.SLOW", 0.01)
    plugin_dist("imtrans-slow", slow_plugin="import time; time.sleep(0.5)\n" + GOOD.replace("NAME", "late"))
    assert "" in others(discover(Selection())).values()
    assert "Still loading plugin slow_plugin ..." in capsys.readouterr().err


def test_what_a_plugin_changes_in_the_process_is_set_back_and_said(
    plugin_dist: Callable[..., Path], cli: Callable, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = """
import os, torch
os.chdir("/")
torch.set_grad_enabled(False)
torch.set_default_dtype(torch.float64)
"""
    plugin_dist("imtrans-rude", version="2.0", rude_plugin=source + GOOD.replace("NAME", "rude"))
    ended = cli("list", "activations", "--json")
    assert "rude" in [entry["name"] for entry in json.loads(ended.out)]
    changed = "the working directory, torch's default type, whether torch takes gradients"
    assert (
        ended.err
        == f"Warning: plugin rude_plugin (imtrans-rude 2.0) changed {changed} when it was loaded; it was set back\n"
    )
    assert Path.cwd() == tmp_path
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32


def test_what_a_plugin_prints_never_spoils_the_output_for_machines(
    plugin_dist: Callable[..., Path], cli: Callable
) -> None:
    source = "print('at import')\n" + GOOD.replace("NAME", "loud") + "    print('when called')"
    plugin_dist("imtrans-loud", loud_plugin=source)
    ended = cli("list", "activations", "--json")
    assert "loud" in [entry["name"] for entry in json.loads(ended.out)]
    assert ended.err == "at import\nwhen called\n"


def test_list_works_beside_broken_plugins_and_says_how_to_leave_them_out(
    plugin_dist: Callable[..., Path], cli: Callable
) -> None:
    plugin_dist("imtrans-mix", version="1.2", bad_plugin="import no_such_thing", worse_plugin="1 / 0")
    ended = cli("list")
    assert ended.code == 0
    assert "unet256" in ended.out
    assert ended.err.splitlines() == [
        "Warning: plugin bad_plugin 1.2 (dist imtrans-mix) not loaded: No module named 'no_such_thing'",
        "Warning: plugin worse_plugin 1.2 (dist imtrans-mix) not loaded: ZeroDivisionError: division by zero",
        "Install what is missing, or leave it out: IMTRANS_DISABLE_PLUGINS=bad_plugin,worse_plugin",
    ]
    assert "line 1, in <module>\n    1 / 0" in cli("list", "--debug").err


def test_asking_for_what_a_broken_plugin_gives_ends_with_8(plugin_dist: Callable[..., Path], cli: Callable) -> None:
    plugin_dist("imtrans-mix", bad_plugin="1 / 0")
    ended = cli("list", "activation", "imtrans-mix:softplus")
    assert ended.code == 8
    assert "Error: activation 'imtrans-mix:softplus': plugin bad_plugin 1.0" in ended.err


def test_help_and_version_import_no_plugin(plugin_dist: Callable[..., Path], cli: Callable) -> None:
    plugin_dist("imtrans-mix", bad_plugin="raise KeyboardInterrupt")
    assert cli("--help").code == 0
    assert cli("run", "--help").code == 0
    assert cli("--version").out.startswith("imtrans 0.")


def test_every_hook_has_a_test_of_its_name():
    from imtrans.plugins import hookspecs

    hooks = [name for name in vars(hookspecs) if name.startswith("imtrans_")]
    assert "imtrans_provide" in hooks
    text = "".join(p.read_text("utf-8") for p in Path(__file__).parents[1].rglob("test_*.py"))
    assert [name for name in hooks if not re.search(rf"^def test_hook_{name}\w*\(", text, re.MULTILINE)] == []
