"""Supervised translation: the step, the mean over mirrored pictures, and the recipe."""

import numpy as np
import pytest
import torch
from factories import config, fitting, job, pairs

import imtrans
from imtrans.engine.training import trainer
from imtrans.kit.loss_terms import Terms, Weighted
from imtrans.kit.report import metric_history
from imtrans.testing import check_method
from imtrans_regression import RegressionInference
from imtrans_regression.method import Regression


def method(flips: str = "none") -> Regression:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.Tanh())
    terms = Terms([Weighted(1.0, torch.nn.L1Loss())])
    return Regression(generator=network, reconstruction=terms, policy=RegressionInference(flips=flips))


@pytest.mark.parametrize("flips", ["none", "horizontal", "all"])
def test_the_method_keeps_its_contract(flips):
    check_method(method(flips), groups=["generator"])


@pytest.mark.parametrize(("flips", "axes"), [("horizontal", [3]), ("all", [3]), ("all", [2])])
def test_a_mirrored_picture_is_translated_to_the_mirrored_translation(flips, axes):
    """A property of the mean over all mirrored forms, and of nothing less."""
    torch.manual_seed(0)
    made, picture = method(flips), torch.rand(1, 3, 8, 12)
    with torch.no_grad():
        torch.testing.assert_close(made.translate(picture.flip(axes)), made.translate(picture).flip(axes))
        plain = method("none")
        assert not torch.allclose(plain.translate(picture.flip(axes)), plain.translate(picture).flip(axes))


def test_the_recipe_has_a_slower_encoder_and_no_discriminator():
    made = config(fitting("regression"), recipe="regression")
    assert made.parameter_groups["encoder"].lr == 2e-4
    assert set(made.parts) == {"generator", "reconstruction"}
    assert made.inference == RegressionInference(flips="horizontal")


def test_a_recipes_rate_of_its_encoder_is_left_out_with_a_generator_that_has_none():
    settings = {**fitting("regression"), "generator": "unet64", "generator.depth": "3"}
    settings |= {"generator.encoder": "", "generator.pretrained": ""}
    made = config(settings, recipe="regression")
    assert made.parameter_groups == {}
    assert any(line.startswith("train.optimizer.encoder.lr (recipe regression)") for line in made.dropped)


@pytest.mark.slow
def test_the_recipe_learns_and_translates(tmp_path):
    settings = {"generator.depth": "", "discriminator.width": "", "discriminator.layers": "", "train.steps": "10"}
    settings |= {
        "metrics": "l1",
        "train.log_every": "2",
        "train.evaluate_every": "never",
        "train.sample_every": "never",
    }
    made = job(tmp_path / "run", settings, recipe="regression", dataset=pairs(tmp_path / "data", train=2))
    trainer.fit(made)
    column = metric_history.read(tmp_path / "run").column("reconstruction").finite()
    assert column[-1][1] < 0.95 * column[0][1]
    picture = imtrans.load(tmp_path / "run").translate(np.full((40, 50, 3), 200, np.uint8))
    assert (picture.shape, picture.dtype) == ((40, 50, 3), np.uint8)
