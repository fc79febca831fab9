"""`imtrans plugins list` and `check`: what is there, and which plugin is at fault, whatever it does."""

import json
import sys
from pathlib import Path

import pytest

from imtrans.plugins.discovery import Selection, discover

HEAD = "from imtrans import Component, hookimpl\n"
FAKES = Path(__file__).parents[2] / "fake_plugins"
GOOD = (FAKES / "good_plugin.py").read_text()
PROVIDES = (
    HEAD
    + """
class Loss:
    def __call__(self, prediction, target):
        {body}

@hookimpl
def imtrans_provide():
    return [
        Component(kind="loss", name="own-a", target="one_plugin:Loss", summary=""),
        Component(kind="activation", name="own-b", target="torch.nn:Softplus", summary=""),
    ]
"""
)


@pytest.fixture
def forty(plugin_dist):
    """Twenty broken plugins and twenty good ones, each a distribution; gives the folder of all."""
    for path in sorted((FAKES / "broken").rglob("*.py")):
        plugin_dist(f"imtrans-{path.stem}".replace("_", "-"), version="1.2", **{path.stem: path.read_text()})
    folder = plugin_dist("imtrans-lost", points={"bad_lost": "good_00:missing"}, good_00=GOOD.replace("NAME", "own-0"))
    for number in range(1, 21):
        changes = {1: "print('loud')\n", 2: "import random; random.seed(1)\n", 3: 'imtrans_api = ">=1.0,<2"\n'}
        source = changes.get(number, "") + GOOD.replace("NAME", f"own-{number}")
        plugin_dist(f"imtrans-good-{number}", **{f"good_{number:02}": source})
    return folder


@pytest.mark.slow
def test_twenty_broken_plugins_leave_twenty_good_ones_and_every_command(forty, subprocess_cli):
    env = {"PYTHONPATH": f"{forty}:{':'.join(sys.path)}"}
    listed = subprocess_cli("list", "activations", env=env)
    assert listed.code == 0
    assert sum(f"own-{n} " in listed.out for n in range(1, 21)) == 20
    assert listed.err.count("not loaded: ") == 20
    assert "loud" not in listed.out
    rows = json.loads(subprocess_cli("plugins", "list", "--json", env=env).out)
    states = {r["name"]: r["state"] for r in rows if r["distribution"] != "imtrans"}
    assert sorted(states.values()) == ["broken"] * 20 + ["ok"] * 20
    assert all(r["reason"] for r in rows if r["state"] == "broken")
    assert next(r for r in rows if r["name"] == "good_02")["changed"] == ["the seed of random"]
    assert subprocess_cli("run", "pix2pix", "--dry-run", env=env).code == 0
    assert subprocess_cli("--help", env=env).err == ""


def test_a_plugin_of_another_interface_is_named_with_both_versions(plugin_dist):
    plugin_dist("imtrans-new", new_plugin='imtrans_api = ">=2"\n' + GOOD.replace("NAME", "half"))
    (record,) = discover(Selection()).broken
    assert record.error.startswith("it was made for the plugin interface >=2, and this imtrans has 1.0")


def test_blocked_plugins_are_listed_with_what_blocks_them_and_never_imported(plugin_dist, cli, monkeypatch):
    plugin_dist("imtrans-one", one_plugin=GOOD.replace("NAME", "own-1"))
    plugin_dist("imtrans-two", two_plugin=GOOD.replace("NAME", "own-2"))
    monkeypatch.setenv("IMTRANS_DISABLE_PLUGINS", "two_plugin")
    rows = {r["name"]: r for r in json.loads(cli("plugins", "list", "--json").out)}
    assert rows["one_plugin"]["state"] == "ok"
    assert rows["one_plugin"]["provides"] == [{"kind": "activation", "name": "own-1"}]
    assert rows["one_plugin"]["file"].endswith("one_plugin.py")
    assert (rows["two_plugin"]["state"], rows["two_plugin"]["reason"]) == (
        "blocked",
        "it is in IMTRANS_DISABLE_PLUGINS",
    )
    assert "two_plugin" not in sys.modules
    shown = cli("plugins", "list")
    assert "two_plugin (imtrans-two): blocked: it is in IMTRANS_DISABLE_PLUGINS" in shown.out
    assert shown.err == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("return (prediction - target).abs().mean()", ""),
        ("return (prediction - target).abs().mean(1)", "own-a: gave (2, 32, 32), not a scalar"),
        ("raise SystemExit", "SystemExit:"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "the process was ended by signal 9"),
        ("import time; time.sleep(60)", "it hangs: nothing for 8 seconds"),
    ],
)
def test_check_names_what_is_wrong_and_checks_the_rest(body, fault, plugin_dist, subprocess_cli):
    folder = plugin_dist("imtrans-one", version="0.3", one_plugin=PROVIDES.format(body=body))
    env = {"PYTHONPATH": f"{folder}:{':'.join(sys.path)}"}
    done = subprocess_cli("plugins", "check", "one_plugin", "--limit", "8", "--json", env=env)
    steps = {step["name"]: step["error"] for step in json.loads(done.out)["imtrans-one:one_plugin"]}
    assert sorted(steps) == ["activation own-b", "import", "loss own-a"]
    assert steps["import"] == steps["activation own-b"] == ""
    assert steps["loss own-a"] == fault or (fault and fault in steps["loss own-a"])
    assert done.code == (8 if fault else 0)


@pytest.mark.slow
def test_check_of_plugins_that_cannot_be_imported(plugin_dist, subprocess_cli, tmp_path):
    folder = plugin_dist("imtrans-one", one_plugin="raise KeyboardInterrupt")
    env = {"PYTHONPATH": f"{folder}:{':'.join(sys.path)}"}
    done = subprocess_cli("plugins", "check", env=env)
    assert (done.code, done.err) == (8, "")
    assert "plugin one_plugin (imtrans-one 1.0)\n  import " in done.out
    assert "FAILED: the process was ended by signal 2" in done.out
    (tmp_path / "own.py").write_text("1 / 0")
    done = subprocess_cli("plugins", "check", "own.py")
    assert (done.code, "FAILED: plugin file " in done.out, "ZeroDivisionError" in done.out) == (8, True, True)


def test_an_unknown_plugin_is_refused_with_the_nearest_name(cli):
    done = cli("plugins", "check", "patchgam")
    assert done.code == 2
    assert done.err == "Error: no plugin 'patchgam'; did you mean 'patchgan'?\nAll of them: imtrans plugins list\n"


def test_hooks_are_traced_with_whose_they_are(plugin_dist, cli, monkeypatch):
    plugin_dist("imtrans-one", one_plugin=GOOD.replace("NAME", "own-1"))
    assert "hook " not in cli("list", "activations").err
    monkeypatch.setenv("IMTRANS_TRACE_HOOKS", "1")
    traced = cli("list", "activations", "--json")
    assert "own-1" in [entry["name"] for entry in json.loads(traced.out)]
    assert "hook imtrans_provide() of imtrans-one:one_plugin -> [[Component(" in traced.err
