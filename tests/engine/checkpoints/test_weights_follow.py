"""Components are told when a checkpoint's weights will replace theirs, so that nothing is downloaded in vain."""

import sys

import pytest
import torch
from factories import SMALL, pairs

from imtrans.config.resolve import resolve
from imtrans.config.sources import Assignment, Layer
from imtrans.engine import build
from imtrans.engine.checkpoints import checkpoint_paths, io
from imtrans.engine.checkpoints.resume import ResumePoint
from imtrans.engine.runs import run_dir
from imtrans.engine.training import setup, trainer
from imtrans.interfaces import DataSpec
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.discovery import discover
from imtrans.plugins.options import CliText

DECLARED = """
from imtrans import Component, hookimpl

@hookimpl
def imtrans_provide():
    return [
        Component(kind=kind, name="asking", target=f"asking_parts:{target}", summary="notes", needs_context=True)
        for kind, target in (("generator", "Net"), ("loss", "Loss"))
    ]
"""
PARTS = """
from torch import nn

NOTED = []

class Net(nn.Sequential):
    def __init__(self, *, context):
        super().__init__(nn.Conv2d(3, 3, 1), nn.Tanh())
        NOTED.append(("generator", context.weights_follow))

class Loss(nn.L1Loss):
    def __init__(self, *, context):
        super().__init__()
        NOTED.append(("loss", context.weights_follow))
"""


@pytest.fixture
def asking(plugin_dist):
    plugin_dist("imtrans-asking", points={"asking": "asking"}, asking=DECLARED, asking_parts=PARTS)
    sys.modules.pop("asking_parts", None)
    return discover()


def configured(plugins, dataset=None):
    given = {k: v for k, v in SMALL.items() if k.partition(".")[0] not in ("generator", "dataset" if dataset else "")}
    given |= {"generator": "asking", "reconstruction": "asking", "train.steps": "2"}
    keys = [Assignment(tuple(k.split(".")), CliText(v), f"--set {k}") for k, v in given.items()]
    return resolve(Catalog(plugins.records), "pix2pix", dataset=dataset, layers=[Layer("test", keys)])


def noted():
    notes = dict(sys.modules["asking_parts"].NOTED)
    sys.modules["asking_parts"].NOTED.clear()
    return notes


@pytest.mark.parametrize(
    ("purpose", "generator", "loss"), [("train", False, False), ("resume", True, False), ("translate", True, True)]
)
def test_networks_and_losses_are_told_what_follows(asking, purpose, generator, loss):
    factory = build.ComponentFactory(Catalog(asking.records))
    device = torch.device("cpu")
    build.model(configured(asking), DataSpec(), factory=factory, device=device, seed=0, purpose=purpose)
    assert noted() == {"generator": generator, "loss": loss}


@pytest.mark.slow
def test_training_loading_and_resuming_tell_it(asking, tmp_path):
    catalog, run = Catalog(asking.records), tmp_path / "run"
    config = configured(asking, pairs(tmp_path / "data"))
    trainer.fit(setup.setup_training(config, catalog=catalog, plugins=asking, folder=run, is_quiet=True))
    assert noted() == {"generator": False, "loss": False}
    checkpoint = checkpoint_paths.newest(run)
    io.load(checkpoint, catalog=catalog, factory=build.ComponentFactory(catalog), device=torch.device("cpu"))
    assert noted() == {"generator": True, "loss": True}
    run_dir.acquire(run, is_new=False)
    start = ResumePoint(checkpoint=checkpoint)
    setup.setup_training(config, catalog=catalog, plugins=asking, folder=run, start=start, is_quiet=True)
    assert noted() == {"generator": True, "loss": False}
