"""A part of a network that is trained in its own way: train.optimizer.PART.lr, for any plugin."""

import pytest
import torch
from factories import SMALL

from imtrans.config.resolve import resolve, restore
from imtrans.config.sources import Assignment, Layer
from imtrans.engine import build
from imtrans.engine.optim.optimizer_step import optimizer_step
from imtrans.errors import ConfigError, PluginError
from imtrans.interfaces import DataSpec
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.discovery import discover
from imtrans.plugins.options import CliText

DECLARED = """
from imtrans import Component, NetworkInfo, hookimpl

@hookimpl
def imtrans_provide():
    info = NetworkInfo(parameter_groups=("NAME",))
    return [Component(kind="generator", name="parted", target="parted_net:Net", summary="two layers", info=info)]
"""
NETWORK = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 3, 1), nn.Tanh())

    def parameter_groups(self):
        return {"encoder": self[0].parameters()}
"""


@pytest.fixture
def parted(plugin_dist):
    def make(name: str = "encoder") -> Catalog:
        points = {"parted": "parted"}
        plugin_dist("imtrans-parted", points=points, parted=DECLARED.replace("NAME", name), parted_net=NETWORK)
        return Catalog(discover().records)

    return make


def configured(catalog, **settings: str):
    given = {**{k: v for k, v in SMALL.items() if not k.startswith("generator")}, "generator": "parted"}
    given |= {f"train.{k.replace('__', '.')}": v for k, v in settings.items()}
    keys = [Assignment(tuple(k.split(".")), CliText(v), f"--set {k}") for k, v in given.items()]
    return resolve(catalog, "pix2pix", layers=[Layer("test", keys)])


def step_of(config, catalog):
    factory = build.ComponentFactory(catalog)
    model = build.model(config, DataSpec(), factory=factory, device=torch.device("cpu"), seed=0)
    return optimizer_step(model, steps=10)


def rates(update):
    return [settings["lr"] for settings in update.groups["generator"].optimizer.param_groups]


def test_a_part_has_its_own_rate_and_follows_the_schedule(parted):
    catalog = parted()
    config = configured(catalog, optimizer__lr="1e-3", optimizer__encoder__lr="1e-5", schedule="linear")
    update = step_of(config, catalog)
    update.begin(0)
    assert rates(update) == [1e-3, 1e-5]
    update.begin(9)
    slow, fast = sorted(rates(update))
    assert 0 < fast < 1e-3
    assert slow == pytest.approx(fast / 100)
    assert [len(g["params"]) for g in update.groups["generator"].optimizer.param_groups] == [2, 2]
    assert len(update.groups["generator"].parameters) == 4, "gradients are taken of both"


def test_a_part_without_settings_is_trained_as_the_rest(parted):
    catalog = parted()
    update = step_of(configured(catalog, optimizer__generator__lr="3e-4", optimizer__weight_decay="0.1"), catalog)
    update.begin(0)
    assert rates(update) == [3e-4, 3e-4]
    assert [g["weight_decay"] for g in update.groups["generator"].optimizer.param_groups] == [0.1, 0.1]


def test_other_optimisers_get_the_parts_too(parted):
    catalog = parted()
    config = configured(catalog, optimizer__name="adamw", optimizer__encoder__weight_decay="0.5")
    optimizer = step_of(config, catalog).groups["generator"].optimizer
    assert [g["weight_decay"] for g in optimizer.param_groups] == [0.0, 0.5]


def test_the_configuration_of_a_run_holds_the_rate_of_a_part(parted):
    catalog = parted()
    config = configured(catalog, optimizer__encoder__lr="1e-5")
    assert config.tree()["train"]["optimizer"]["encoder"] == {
        "lr": 1e-5,
        "weight_decay": "none",
        "fixed_for": "none",
    }
    assert config.origins["train.optimizer.encoder.lr"] == "test"
    again = restore(catalog, config.tree(), origin="the run")
    assert again.parameter_groups == config.parameter_groups


def test_a_part_that_no_network_names_is_no_key(catalog):
    keys = [Assignment(("train", "optimizer", "encoder", "lr"), CliText("1e-5"), "--set train.optimizer.encoder.lr")]
    with pytest.raises(ConfigError, match=r"no key 'train\.optimizer\.encoder\.lr'"):
        resolve(catalog, "pix2pix", layers=[Layer("test", keys)])


def test_a_network_that_gives_other_parts_than_it_declares_is_named(parted):
    catalog = parted("trunk")
    with pytest.raises(PluginError, match=r"'parted' declares the parameter groups trunk.*gives encoder"):
        step_of(configured(catalog), catalog)


def test_a_part_may_not_be_called_as_an_optimiser_or_an_option(parted):
    with pytest.raises(ConfigError, match="names a part of it 'generator'"):
        configured(parted("generator"))


def test_a_name_that_is_an_option_is_refused_at_load(plugin_dist):
    plugin_dist("imtrans-parted", parted=DECLARED.replace("NAME", "lr"))
    (broken,) = discover().broken
    assert "parameter group 'lr' must be" in broken.error


@pytest.mark.parametrize(("fixed", "steps"), [("3 steps", 3), ("2 epochs", 8), ("1.5 epochs", 6)])
def test_a_part_stays_as_it_is_for_the_time_that_it_is_fixed(parted, fixed, steps):
    catalog = parted()
    config = configured(
        catalog, optimizer__name="adamw", optimizer__weight_decay="0.1", optimizer__encoder__fixed_for=fixed
    )
    factory = build.ComponentFactory(catalog)
    model = build.model(config, DataSpec(), factory=factory, device=torch.device("cpu"), seed=0)
    update, network = optimizer_step(model, steps=20, epoch=4), model.networks["generator"]
    first = network[0].weight.detach().clone()
    for step in range(steps + 1):
        before = network[1].weight.detach().clone()
        assert torch.equal(network[0].weight, first)
        update.begin(step)
        update({"generator": network(torch.ones(1, 3, 2, 2)).square().mean()})
        assert not torch.equal(network[1].weight, before)
    assert not torch.equal(network[0].weight, first)


def test_the_clock_does_not_decide_what_is_trained(parted):
    catalog = parted()
    with pytest.raises(ConfigError, match="the clock would decide what is trained"):
        step_of(configured(catalog, optimizer__encoder__fixed_for="3 minutes"), catalog)
