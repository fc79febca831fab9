"""Every recipe of a GAN with augmentation; kills, processes, parts of a batch, half precision."""

import json

import numpy as np
import pytest
import torch
from factories import fitting, job
from PIL import Image

from imtrans.engine.training import trainer
from imtrans.errors import ConfigError
from imtrans.plugins.component import ComponentRef
from imtrans.testing import check_run

SLOT = "discriminator_augmentation"
UNPAIRED = ("cyclegan", "cut", "fastcut")
SMALL = {"generator.depth": 3, "generator.width": 4, "discriminator.width": 4, "generator.dropout": 0}
# Three steps of two pictures are enough to rise from 0 to .6, in the second interval.
STEERED = {SLOT: "ada", f"{SLOT}.ada.interval": 3, f"{SLOT}.ada.kimg": 0.01, f"{SLOT}.ada.target": -1}


def logged(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["diffaugment", "ada"])
@pytest.mark.parametrize("recipe", ["pix2pix", "pix2pixhd", "pencil2color", *UNPAIRED])
def test_every_recipe_trains_with_it(recipe, name, tmp_path):
    more = {f"{SLOT}.ada.start": "0.8"} if name == "ada" else {}
    dataset = ComponentRef("day2night", {"days": 4, "nights": 4}) if recipe in UNPAIRED else None
    keys = {**fitting(recipe), SLOT: name, **more, "train.steps": "2", "train.log_every": "1", "metrics": "[]"}
    if recipe == "pencil2color":
        keys |= {"data.size": "64", "dataset": "toy"}
    trainer.fit(job(tmp_path / "run", keys, recipe=recipe, dataset=dataset))
    shown = {key.split(".")[1] for line in logged(tmp_path / "run") for key in line if key.startswith("health.augment")}
    assert shown == ({"augment_p", "augment_r"} if name == "ada" else set())


@pytest.mark.slow
def test_diffaugment_survives_kills_and_is_the_same_in_two_processes():
    check_run("pix2pix", {**SMALL, SLOT: "diffaugment"})


@pytest.mark.slow
def test_ada_killed_within_an_interval_and_in_two_processes():
    check_run("pix2pix", {**SMALL, **STEERED, "method.order": "simultaneous", "discriminator.norm": "instance"})


@pytest.mark.slow
def test_ada_of_cyclegan_killed_within_an_interval_and_in_two_processes():
    networks = {f"{way}{slot}.width": 4 for way in ("", "backward_") for slot in ("generator", "discriminator")}
    blocks = {"generator.blocks": 1, "backward_generator.blocks": 1, "method.pool_size": 2}
    check_run("cyclegan", {**networks, **blocks, **STEERED}, dataset="day2night")


@pytest.mark.slow
def test_the_probability_rises_in_a_run(tmp_path):
    keys = {**{k: str(v) for k, v in STEERED.items()}, "train.steps": "7", "train.log_every": "1"}
    trainer.fit(job(tmp_path / "run", {**keys, "train.grad_accum_steps": "2"}))
    chances = [line["health.augment_p"] for line in logged(tmp_path / "run") if "health.augment_p" in line]
    assert chances == pytest.approx([0, 0, 0, 0.6, 0.6, 0.6, 0.8])  # 2 pictures a step, 6 of 10; the limit is .8


@pytest.mark.slow
def test_a_run_that_never_overfits_is_the_one_without_augmentation(tmp_path):
    never = {SLOT: "ada", f"{SLOT}.ada.kimg": "0.01", f"{SLOT}.ada.target": "1"}
    weights = []
    for name, keys in (("plain", {}), ("never", never)):
        made = job(tmp_path / name, {**keys, "train.steps": "6"})
        trainer.fit(made)
        weights.append({k: v for network in made.model.networks.values() for k, v in network.state_dict().items()})
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


@pytest.mark.slow
def test_half_precision_trains(tmp_path):
    keys = {SLOT: "ada", f"{SLOT}.ada.start": "0.8", "train.precision": "bf16", "train.steps": "2"}
    assert trainer.fit(job(tmp_path / "run", keys)).step == 2


@pytest.fixture
def labels(tmp_path):
    """Pictures and their class numbers."""
    random = np.random.default_rng(0)
    for split in ("train", "val"):
        for side, shape, high in (("A", (32, 32, 3), 256), ("B", (32, 32), 3)):
            (tmp_path / "set" / split / side).mkdir(parents=True)
            for i in range(3):
                values = random.integers(0, high, shape, dtype=np.uint8)
                Image.fromarray(values).save(tmp_path / "set" / split / side / f"{i}.png")
    return ComponentRef("folder", {"path": str(tmp_path / "set"), "labels": "target", "classes": 3})


@pytest.mark.slow
@pytest.mark.parametrize(("name", "option", "left"), [("diffaugment", "policy", "cutout"), ("ada", "pipeline", "blit")])
def test_colours_of_labels_are_refused_before_the_first_step_and_the_rest_trains(name, option, left, labels, tmp_path):
    with pytest.raises(ConfigError, match=rf"{name}\.{option}: the discriminator sees class planes"):
        job(tmp_path / "run", {SLOT: name}, dataset=labels)
    keys = {SLOT: name, f"{SLOT}.{name}.{option}": left, "train.steps": "2", "metrics": "[]"}
    assert trainer.fit(job(tmp_path / "other", keys, dataset=labels)).step == 2
