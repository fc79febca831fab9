"""Every built-in adversarial loss, augmentation, penalty and method keeps its contract."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from example_methods import FOLDERS
from factories import job

from imtrans.interfaces import DataSpec, Pair
from imtrans.kit.bases import BaseDataset
from imtrans.testing import (
    ContractError,
    check_adversarial,
    check_augmentation,
    check_dataset,
    check_method,
    check_penalty,
    data,
    losses,
)
from imtrans_pix2pix.method import VARIANTS


def names(catalog, kind):
    return [entry.name for entry in catalog.entries(kind)]


def test_every_adversarial_loss_keeps_the_contract(catalog):
    assert len(names(catalog, "adversarial")) >= 3
    for name in names(catalog, "adversarial"):
        check_adversarial(name)


def test_every_augmentation_keeps_the_contract(catalog):
    assert len(names(catalog, "augmentation")) >= 3
    for name in names(catalog, "augmentation"):
        check_augmentation(name)


def test_every_penalty_keeps_the_contract(catalog, monkeypatch):
    for name in names(catalog, "penalty"):  # none is built in: the sketch's stands for them
        check_penalty(name)
    for folder in FOLDERS:
        monkeypatch.syspath_prepend(folder)
    check_penalty("example-gradient-penalty")


@pytest.mark.parametrize(("order", "updates"), VARIANTS)
def test_pix2pix_keeps_the_contract(order, updates, tmp_path):
    settings = {"metrics": "[]", "method.order": order, "method.discriminator_updates": updates}
    check_method(job(tmp_path / "run", settings).model.method, groups=["generator", "discriminator"])


def test_every_method_is_tested_here(catalog):
    assert names(catalog, "method") == ["conditional-gan"]


@pytest.mark.parametrize("name", ["toy", "cad"])
def test_a_synthetic_data_set_keeps_the_contract(name):
    check_dataset(name, pairs=2)


class Broken:
    """A loss that rewards a wrong discriminator; an augmentation that draws from the global generator."""

    def discriminator_loss(self, on_real, on_fake):
        return (on_real.logits[0] - on_fake.logits[0]).mean()

    def generator_loss(self, on_fake, on_real=None):
        return on_fake.logits[0].mean()

    def __call__(self, batch):
        return replace(batch, source=batch.source + torch.rand(()))

    def input_size(self, size):
        return size


def test_what_breaks_a_contract_is_named_also_without_assert_statements(monkeypatch):
    for module in (losses, data):
        monkeypatch.setattr(module, "make", lambda kind, name, **options: Broken())
    with pytest.raises(ContractError, match="mine: a discriminator that is right pays 1, else -1"):
        check_adversarial("mine")
    with pytest.raises(ContractError, match=r"mine: source follows from more than batch\.draws"):
        check_augmentation("mine")


def test_a_method_that_updates_too_little_is_named(tmp_path):
    model = job(tmp_path / "run", {"metrics": "[]"}).model
    model.method.train_step = lambda batch, update, *, step: {}
    with pytest.raises(ContractError, match=r"updated \[\], not \['discriminator', 'generator'\]"):
        check_method(model.method, groups=["generator", "discriminator"])


class Talkative(BaseDataset):
    """A data set whose check gives texts in place of issues."""

    data_spec = DataSpec()

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return Pair(source=np.zeros((4, 4, 3), np.uint8), target=np.zeros((4, 4, 3), np.uint8), key="x")

    def check(self, index, pair):
        return ["too dark"]


def test_a_data_set_that_reports_texts_is_named(plugin_dist):
    source = f"""
from imtrans import Component, DatasetInfo, hookimpl

@hookimpl
def imtrans_provide():
    yield Component(kind="dataset", name="talkative", target="{__name__}:Talkative", summary="", info=DatasetInfo())
"""
    plugin_dist("talkative-dist", talkative=source)
    with pytest.raises(ContractError, match=r"talkative: issues and check\(\) must give Issues"):
        check_dataset("talkative")
