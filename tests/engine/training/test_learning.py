"""That it learns, and that it learns the same each time."""

import json

import pytest
import torch
from factories import job

from imtrans.engine.training import trainer

SETTINGS = {
    "L1": {"adversarial.weight": "0"},
    "GAN": {"reconstruction.weight": "0", "discriminator.conditional": "false"},
    "cGAN": {"reconstruction.weight": "0"},
    "L1+GAN": {"discriminator.conditional": "false"},
    "L1+cGAN": {},
}


def weights(done):
    return {f"{n}.{k}": v.clone() for n, net in done.model.networks.items() for k, v in net.state_dict().items()}


def train(folder, settings):
    made = job(folder, settings)
    trainer.fit(made)
    return weights(made)


@pytest.mark.slow
def test_four_pairs_are_learned_by_heart(tmp_path):
    """L1 in training falls below a tenth of its start."""
    settings = {
        "dataset.pairs": "4",
        "data.batch_size": "4",
        "train.steps": "400",
        "generator.width": "24",
        "generator.dropout": "0",
        "train.optimizer.lr": "4e-3",
        "train.log_every": "1",
        "train.sample_every": "10000",
        "metrics": "[]",
        "adversarial.weight": "0",
        "train.optimizer.betas": "[0.9, 0.999]",
    }
    trainer.fit(job(tmp_path / "run", settings))
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    seen = [line["reconstruction"] for line in lines if line["split"] == "train"]
    assert len(seen) == 400
    assert sum(seen[-10:]) / 10 < seen[0] / 10, (seen[0], seen[-10:])


@pytest.mark.parametrize("name", SETTINGS)
def test_each_of_the_papers_losses_trains(name, tmp_path):
    made = job(tmp_path / "run", {**SETTINGS[name], "metrics": "[]"})
    before = weights(made)
    trainer.fit(made)
    after = weights(made)
    moved = {
        n
        for n in ("generator", "discriminator")
        for k in before
        if k.startswith(n) and not torch.equal(before[k], after[k])
    }
    assert moved == ({"generator"} if name == "L1" else {"generator", "discriminator"})
    assert all(torch.isfinite(v).all() for v in after.values())


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_however_often_one_looks(tmp_path):
    plain = train(tmp_path / "a", {"train.steps": "8", "train.sample_every": "4", "train.evaluate_every": "8"})
    often = train(
        tmp_path / "b",
        {"train.steps": "8", "train.sample_every": "1", "train.evaluate_every": "2", "train.save_every": "3"},
    )
    other = train(tmp_path / "c", {"train.steps": "8", "train.seed": "1"})
    assert plain.keys() == often.keys()
    assert all(torch.equal(plain[k], often[k]) for k in plain)
    assert not all(torch.equal(plain[k], other[k]) for k in plain)


@pytest.mark.slow
def test_processes_that_load_change_nothing(tmp_path):
    settings = {"train.steps": "8", "augment.kornia-jitter.scale": "1.25", "augment.kornia-flip.probability": "0.5"}
    alone = train(tmp_path / "a", settings)
    helped = train(tmp_path / "b", {**settings, "data.workers": "2"})
    assert all(torch.equal(alone[k], helped[k]) for k in alone)


@pytest.mark.slow
def test_averaged_weights_translate_and_the_trained_ones_train(tmp_path):
    """With a moving average, sampling swaps weights; training must not notice."""
    settings = {"train.steps": "6", "train.ema": "0.9"}
    seldom = train(tmp_path / "a", {**settings, "train.sample_every": "6"})
    often = train(tmp_path / "b", {**settings, "train.sample_every": "1"})
    without = train(tmp_path / "c", {"train.steps": "6"})
    assert all(torch.equal(seldom[k], often[k]) and torch.equal(seldom[k], without[k]) for k in seldom)
