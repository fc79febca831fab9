"""Which speedups and which precision a run uses, where it says so, and that a run can do without."""

import json

import pytest
import torch
from factories import job

from imtrans.engine import speedups as engine_speedups
from imtrans.engine.speedups import has_bf16, precision, speedups
from imtrans.engine.training import trainer
from imtrans.plugins.recipe import TrainOptions

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("asked", "used"),
    [
        (("auto",), ["fused-adam", "small-maps", "background-save"]),
        (("none",), []),
        (("small-maps", "kept-memory"), ["small-maps"]),  # no command has set the allocator of this process up
    ],
)
def test_those_that_fit_the_device_are_used(asked, used, monkeypatch):
    monkeypatch.setattr("imtrans.engine.device._kept", [])
    monkeypatch.setattr(engine_speedups, "has_bf16", lambda device: True)
    assert speedups(TrainOptions(speedups=asked, precision="bf16"), CPU) == used


@pytest.mark.parametrize(
    ("chosen", "has"), [({"compile": True, "precision": "bf16"}, True), ({"precision": "bf16"}, False), ({}, True)]
)
def test_layers_are_left_alone_where_products_would_not_pay(chosen, has, monkeypatch):
    monkeypatch.setattr(engine_speedups, "has_bf16", lambda device: has)
    assert "small-maps" not in speedups(TrainOptions(**chosen), CPU)


def test_a_dry_run_says_what_is_on_by_device(cli):
    shown = [line for line in cli("run", "pix2pix", "--dry-run").out.splitlines() if line.startswith("on ")]
    assert shown == [
        "on cpu: float32, fused-adam, kept-memory, background-save",
        "on cuda: float32, fused-adam, background-save",
        "on mps: float32, background-save",
    ]
    line = "run pix2pix --dry-run --device cuda:1 --set train.precision=bf16 --set train.speedups=none"
    assert "\non cuda: bf16\n" in cli(*line.split()).out
    assert "small-maps" in cli("run", "pix2pix", "--dry-run", "--device", "cpu", "--set", "train.precision=bf16").out


def test_bf16_is_taken_where_the_device_has_it_and_it_is_cleared(monkeypatch):
    auto = TrainOptions(precision="auto")
    assert precision(TrainOptions(), CPU) == precision(auto, CPU) == "float32"
    assert precision(TrainOptions(precision="bf16"), CPU) == "bf16"
    monkeypatch.setattr("imtrans.config.speedups.BF16_CLEARED", {"cpu"})
    for has in (True, False):
        monkeypatch.setattr(engine_speedups, "has_bf16", lambda device, has=has: has)
        assert precision(auto, CPU) == ("bf16" if has else "float32")
        assert precision(auto, torch.device("meta")) == "float32"
    monkeypatch.undo()
    assert isinstance(has_bf16(CPU), bool)


def run(folder, **settings):
    training = job(folder, {f"train.{k}": v for k, v in settings.items()})
    trainer.fit_recorded(training)
    return training


@pytest.mark.slow
def test_a_run_says_what_it_uses_and_can_do_without(tmp_path):
    with_all = run(tmp_path / "all")
    without = run(tmp_path / "none", speedups="none")
    assert with_all.run.facts["speedups"].startswith("fused-adam, ")
    record = json.loads((without.run.folder / "env.json").read_text())
    assert (record["speedups"], record["precision"]) == ("none", "float32")
    states = [j.model.networks["generator"].state_dict() for j in (with_all, without)]
    torch.testing.assert_close(*states, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_maps_with_channels_last_train_alike_and_weights_keep_their_layout(tmp_path, monkeypatch):
    monkeypatch.setattr("imtrans.engine.training.train_step.speedups", lambda *_: ["channels-last"])
    given = {"generator.dropout": "0", "train.steps": "3"}  # its numbers are drawn in the order of memory
    trainer.fit_recorded(last := job(tmp_path / "last", given))
    monkeypatch.undo()
    trainer.fit_recorded(plain := job(tmp_path / "plain", given))
    seen = last.model.networks["generator"].state_dict()
    torch.testing.assert_close(seen, plain.model.networks["generator"].state_dict(), rtol=0, atol=1e-4)
    assert all(value.is_contiguous() for value in seen.values())


@pytest.mark.slow
@pytest.mark.parametrize("asked", ["bf16", "float32"])
def test_the_generators_loss_sees_the_discriminator_after_its_step(asked, tmp_path):
    """torch keeps the half-precision copies of weights until its autocast block ends: within one block (torch 2.13)
    a network would go on with the weights of before its step, and G's loss would be another one than in float32."""
    training = job(tmp_path / "run", {"train.precision": asked, "train.steps": "1", "train.optimizer.lr": "0.1"})
    discriminator, means = training.model.networks["discriminator"], []
    layer = next(m for m in discriminator.modules() if isinstance(m, torch.nn.Conv2d))
    x = torch.ones(1, layer.in_channels, 8, 8)
    layer.register_forward_hook(lambda module, _args, _output: means.append(_mean(module, x)))
    trainer.fit_recorded(training)
    made, real, made_again = means[:3]
    assert made == real
    assert abs(made_again - made) > 0.1 * abs(made)


def _mean(layer, x):
    return float(torch.nn.functional.conv2d(x, layer.weight).mean().detach())
