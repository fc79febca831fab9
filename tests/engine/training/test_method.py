"""One step of pix2pix against the same step in plain torch, written out here."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from imtrans.engine.optim.optimizer_step import OptimizerStep
from imtrans.interfaces import Batch
from imtrans.kit.loss_terms import AdversarialTerms, Terms, Weighted
from imtrans_losses.adversarial import BCE
from imtrans_patchgan.network import PatchGAN
from imtrans_pix2pix.method import VARIANTS
from imtrans_unet import UNetOptions
from imtrans_unet.network import UNet


class Recording(torch.optim.Adam):
    """Adam that keeps the gradients it was given."""

    def step(self, closure=None):
        self.seen = [p.grad.clone() for g in self.param_groups for p in g["params"]]
        return super().step(closure)


def batch(size=32):
    torch.manual_seed(1)
    source, target = torch.rand(2, 3, size, size) * 2 - 1, torch.rand(2, 3, size, size) * 2 - 1
    return Batch(source=source, target=target, keys=["a", "b"], draws=torch.tensor([1, 2]))


def networks():
    torch.manual_seed(0)
    return UNet(UNetOptions(depth=3, width=4, dropout=0)), PatchGAN(3, 3, layers=1, width=4)


def method(generator, discriminator, *, gan=1.0, l1=100.0, order="discriminator-first", **options):
    return VARIANTS[order, "joint"](
        generator=generator,
        discriminator=discriminator,
        adversarial=AdversarialTerms([Weighted(gan, BCE())]),
        reconstruction=Terms([Weighted(l1, nn.L1Loss())]),
        **options,
    )


def trained(order):
    generator, discriminator = networks()
    optimizers = {
        "generator": Recording(generator.parameters(), lr=2e-4, betas=(0.5, 0.999)),
        "discriminator": Recording(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999)),
    }
    method(generator, discriminator, order=order).train_step(batch(), OptimizerStep.of(optimizers), step=0)
    return {name: optimizer.seen for name, optimizer in optimizers.items()}


def by_hand(order):
    generator, discriminator = networks()
    adam = {
        "generator": torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999)),
        "discriminator": torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999)),
    }
    given, seen = batch(), {}
    fake = generator(given.source)

    def judge():
        real = discriminator(given.source, given.target).logits[0]
        made = discriminator(given.source, fake.detach()).logits[0]
        ones, zeros = torch.ones_like(real), torch.zeros_like(made)
        return (F.binary_cross_entropy_with_logits(real, ones) + F.binary_cross_entropy_with_logits(made, zeros)) / 2

    def fool():
        made = discriminator(given.source, fake).logits[0]
        return (
            F.binary_cross_entropy_with_logits(made, torch.ones_like(made)) + 100 * (fake - given.target).abs().mean()
        )

    def gradients(name, network, loss):
        network.zero_grad()
        loss().backward(inputs=list(network.parameters()), retain_graph=True)
        seen[name] = [p.grad.clone() for p in network.parameters()]

    if order == "simultaneous":
        gradients("discriminator", discriminator, judge)
        gradients("generator", generator, fool)
        return seen
    steps = [("discriminator", discriminator, judge), ("generator", generator, fool)]
    for name, network, loss in steps if order == "discriminator-first" else reversed(steps):
        gradients(name, network, loss)
        adam[name].step()
    return seen


@pytest.mark.parametrize("order", ["discriminator-first", "generator-first", "simultaneous"])
def test_gradients_of_a_step_equal_those_of_plain_torch(order):
    ours, plain = trained(order), by_hand(order)
    for name in ("generator", "discriminator"):
        largest = max(float(g.abs().max()) for g in plain[name])
        assert largest > 0
        worst = max(float((a - b).abs().max()) for a, b in zip(ours[name], plain[name], strict=True))
        assert worst <= 1e-6 * largest


def test_the_orders_differ():
    """Else the test above could not tell them apart: the second player meets a partner that has moved, or not."""
    alternating, at_once = trained("discriminator-first"), trained("simultaneous")
    assert not all(torch.equal(a, b) for a, b in zip(alternating["generator"], at_once["generator"], strict=True))


def step_with(updates, **options):
    generator, discriminator = networks()
    before = copy.deepcopy(discriminator)

    def update(losses):
        updates.append(sorted(losses))
        for group, loss in losses.items():
            network = {"generator": generator, "discriminator": discriminator}[group]
            loss.backward(inputs=list(network.parameters()), retain_graph=True)

    logged = method(generator, discriminator, **options).train_step(batch(), update, step=0)
    return logged, discriminator, before


def test_without_the_adversarial_term_the_discriminator_rests():
    updates = []
    logged, discriminator, _ = step_with(updates, gan=0.0)
    assert updates == [["generator"]]
    assert list(logged) == ["reconstruction"]
    assert all(p.grad is None for p in discriminator.parameters())


def test_without_the_distance_the_two_play_alone():
    updates = []
    logged, *_ = step_with(updates, l1=0.0)
    assert updates == [["discriminator"], ["generator"]]
    assert sorted(logged) == ["adversarial", "discriminator", "health.accuracy"]


def test_the_judges_objective_is_halved():
    updates = []
    whole, *_ = step_with(updates, discriminator_scale=1.0)
    half, *_ = step_with(updates)
    assert half["discriminator"].item() == pytest.approx(whole["discriminator"].item() / 2)
    assert not half["discriminator"].requires_grad


@pytest.mark.slow
def test_the_generators_step_leaves_no_gradient_on_the_discriminator_and_pays_for_none():
    """48.98 GFLOP forward and backward at 256 px, not 55.37; a whole step 86.94 (counted, not timed)."""
    with torch.device("meta"):
        generator, discriminator = UNet(UNetOptions(init_std=0)), PatchGAN(init_std=0)
    source = torch.empty(1, 3, 256, 256, device="meta")
    given = Batch(source=source, target=source, keys=["x"], draws=torch.tensor([0]))
    spent = []

    class Counting(OptimizerStep):
        def __call__(self, losses):
            super().__call__(losses)
            spent.append(counter.get_total_flops())

        def _step(self, name):
            """Nothing to be seen on the meta device."""

    still = {
        "generator": torch.optim.SGD(generator.parameters()),
        "discriminator": torch.optim.SGD(discriminator.parameters()),
    }
    with FlopCounterMode(display=False) as counter:
        method(generator, discriminator, gan=1.0).train_step(given, Counting.of(still), step=0)
    whole = spent[-1]
    assert whole / 1e9 == pytest.approx(86.94, abs=0.01)
    with FlopCounterMode(display=False) as judging:
        discriminator(source, source)
        discriminator(source, source)
    with FlopCounterMode(display=False) as making:
        generator(source)
    discriminator_step = spent[0] - making.get_total_flops()
    assert judging.get_total_flops() / 1e9 == pytest.approx(2 * 6.39, abs=0.01)
    assert (whole - discriminator_step) / 1e9 == pytest.approx(48.98, abs=0.01)
