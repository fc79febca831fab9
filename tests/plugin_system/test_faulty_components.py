"""Faults in the code of a plugin end with its name and exit code 8, before anything is trained where that can be."""

import pytest

PLUGIN = """
import torch
from torch import nn
from imtrans import Component, hookimpl

class Mine(nn.Module):
    def __init__(self, *, context):
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 1)
        {constructor}

    def forward(self, x):
        return {output}

class Loss:
    def __call__(self, prediction, target):
        return (prediction - {target}).abs().mean()

class Seen:
    @hookimpl
    def imtrans_run_started(self, run):
        {started}

@hookimpl
def imtrans_provide():
    return [
        Component(kind="generator", name="mine", target="mine_plugin:Mine", summary="", needs_context={needs}),
        Component(kind="loss", name="my-loss", target="mine_plugin:Loss", summary=""),
        Component(kind="observer", name="seen", target="mine_plugin:Seen", summary=""),
    ]
"""
SOUND = {
    "constructor": "pass",
    "output": "torch.tanh(self.layer(x))",
    "target": "target",
    "started": "pass",
    "needs": "True",
}
MINE = "generator 'mine' (imtrans-mine 0.1): "
FAULTS = {
    "constructor raises": ({"constructor": "raise ValueError('no such width')"}, MINE + "ValueError: no such width"),
    "context not declared": ({"needs": "False"}, "generator 'mine': mine_plugin:Mine missing a required argument"),
    "forward raises": ({"output": "self.lair(x)"}, MINE + "AttributeError: 'Mine' object has no attribute 'lair'"),
    "wrong sizes inside": ({"output": "x @ torch.ones(5, 5)"}, MINE + "RuntimeError: "),
    "another size": ({"output": "self.layer(x)[..., ::2]"}, "translate made (1, 3, 64, 32) of (1, 3, 64, 64)"),
    "other channels": ({"output": "self.layer(x)[:, :1]"}, "translate made (1, 1, 64, 64) of (1, 3, 64, 64)"),
    "a tuple": ({"output": "(self.layer(x), 1)"}, "translate gave tuple, not a tensor"),
    "double precision": ({"output": "self.layer(x).double()"}, "translate gave torch.float64, not torch.float32"),
    "a loss raises": ({"target": "target.mine"}, "loss 'my-loss' (imtrans-mine 0.1): AttributeError: 'Tensor' object"),
}


@pytest.fixture
def train(plugin_dist, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(faults, *more):
        plugin_dist("imtrans-mine", version="0.1", mine_plugin=PLUGIN.format(**{**SOUND, **faults}))
        settings = ("generator=mine", "reconstruction=my-loss", "metrics=[]", "discriminator.width=4", "observers=[]")
        given = [part for setting in settings for part in ("--set", setting)]
        return cli("run", "pix2pix", "--steps", "2", "--name", "one", *given, *more)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_the_component_is_named_and_the_exit_code_is_8(train, tmp_path, fault):
    faults, message = FAULTS[fault]
    ended = train(faults)
    assert ended.code == 8, ended.err
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert not list(tmp_path.glob("runs/*/step-*"))
    if "(imtrans-mine 0.1)" in message:
        assert "error.log" in ended.err
    else:
        assert "check_generator" in ended.err or "context" in ended.err


@pytest.mark.slow
def test_a_sound_plugin_trains_and_an_observer_that_leaves_is_left_out(train, tmp_path):
    ended = train({"started": "import sys; sys.exit(0)"}, "--set", 'observers=["seen"]')
    assert ended.code == 0, ended.err
    assert "observer:seen failed and is left out: SystemExit: 0" in ended.err
    assert list(tmp_path.glob("runs/one/step-*"))
