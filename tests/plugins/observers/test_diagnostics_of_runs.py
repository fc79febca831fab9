"""Real trainings made ill on purpose: each must be told by its name, and well ones must not be scared."""

import json
import time

import pytest
from factories import job

from imtrans.engine.training import trainer
from imtrans.kit.bases import DatasetWrapper

pytestmark = pytest.mark.slow  # 3 to 7 s each
TOY = {
    "data.batch_size": "4",
    "dataset.pairs": "64",
    "train.steps": "300",
    "train.num_samples": "6",
    "generator.depth": "4",
    "generator.width": "8",
    "discriminator.width": "8",
    "metrics": '["l1"]',
    "train.sample_every": "150",
}


def verdict(folder):
    return json.loads((folder / "summary.json").read_text())["verdict"]["name"]


def trained(tmp_path, **settings):
    made = job(tmp_path / "run", {**TOY, **{k.replace("__", "."): v for k, v in settings.items()}})
    trainer.fit(made)
    return verdict(made.run.folder)


@pytest.mark.parametrize("settings", [{}, {"adversarial": "lsgan"}, {"adversarial": "hinge"}], ids=str)
def test_a_well_run_is_healthy(tmp_path, settings):
    assert trained(tmp_path, **settings) == "healthy"


def test_a_discriminator_that_learns_100_times_too_fast_wins(tmp_path):
    assert trained(tmp_path, train__optimizer__discriminator__lr="0.02") == "D wins"


def test_a_generator_that_rests_loses(tmp_path):
    settings = {"train.optimizer.generator.lr": "0.000002", "train.optimizer.discriminator.lr": "0.002"}
    assert trained(tmp_path, **settings) == "D wins"


def test_a_tiny_generator_with_l1_alone_copies_the_mean(tmp_path):
    tiny = {"generator.width": "1", "generator.depth": "5", "generator.skips": "false"}
    assert trained(tmp_path, adversarial__weight="0", **tiny) == "G copies the mean"


def test_a_generator_that_jumps_without_a_distance_to_hold_it_loses_its_colours(tmp_path):
    settings = {"train.optimizer.generator.lr": "0.05", "reconstruction.weight": "0"}
    assert trained(tmp_path, **settings) == "colours collapsed"


class Sleeper(DatasetWrapper):
    """A data set that takes its time."""

    def __getitem__(self, index):
        time.sleep(0.01)
        return super().__getitem__(index)


def test_a_data_set_that_sleeps_starves_the_training(tmp_path):
    made = job(tmp_path / "run", TOY)
    made.training.source.built = Sleeper(made.training.source.dataset)
    trainer.fit(made)
    assert verdict(made.run.folder) == "starved by the loader"
