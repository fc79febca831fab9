"""Every built-in adversarial loss and augmentation, pix2pix's method and a plugin's penalty keep the contracts."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from factories import job

from imtrans.testing import (
    ContractError,
    check_adversarial,
    check_augmentation,
    check_method,
    check_penalty,
    data,
    losses,
)


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


def test_a_plugins_penalty_keeps_the_contract(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "fake_plugins"))
    check_penalty("fake-gradient-penalty")


@pytest.mark.parametrize("order", ["discriminator-first", "generator-first", "simultaneous"])
def test_pix2pix_keeps_the_contract(order, tmp_path):
    model = job(tmp_path / "run", {"metrics": "[]", "method.order": order}).model
    check_method(model.method, groups=["generator", "discriminator"])


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
