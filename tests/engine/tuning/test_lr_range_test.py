"""The range test of learning rates: which rate it names, of which losses, and that it really takes those rates."""

import numpy as np
import pytest
from factories import config, fitting, job, pairs

from imtrans.engine.tuning.lr_range_test import HIGHEST, LOWEST, STEPS, LRRangeTest, learned_terms, lr_range_test

RATES = np.geomspace(LOWEST, HIGHEST, STEPS)


def of_losses(losses):
    return LRRangeTest(rates=list(RATES[: len(losses)]), losses=list(losses), terms=["reconstruction"])


@pytest.mark.parametrize("steepest", [1e-4, 7e-4, 3e-3])
@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_it_names_the_rate_at_which_the_loss_falls_most_steeply(steepest, noise):
    """A fall like tanh over the logarithm of the rate is steepest in its middle."""
    decades = np.log10(RATES / steepest)
    losses = 10 - 4 * np.tanh(2 * decades) + np.where(decades > 1, 30 * (decades - 1), 0)
    losses += noise * np.random.default_rng(0).standard_normal(STEPS)
    suggestion = of_losses(losses).suggestion
    assert suggestion / steepest == pytest.approx(1, rel=0.35), "a tenth of a decade, about five steps"


def test_a_loss_that_only_trembles_names_none():
    assert of_losses(10 + np.random.default_rng(1).standard_normal(STEPS)).suggestion is None


def test_a_loss_that_only_rises_names_none():
    assert of_losses(np.linspace(1, 4, STEPS)).suggestion is None


def test_a_straight_line_stays_where_it_is_when_smoothed():
    """The bell's weights sum to one at each step; in the middle, where it is whole, it moves no straight line."""
    line = np.linspace(3, 9, STEPS)
    assert of_losses(line).smooth[40:-40] == pytest.approx(line[40:-40], rel=1e-9)
    assert of_losses(np.full(STEPS, 7.0)).smooth == pytest.approx(7.0)


@pytest.mark.parametrize(
    ("recipe", "logged", "terms"),
    [
        ("pix2pix", ["discriminator", "adversarial", "reconstruction", "health.accuracy"], ["reconstruction"]),
        ("pix2pix", ["reconstruction", "reconstruction.l1", "reconstruction.ssim"], ["reconstruction"]),
        ("cyclegan", ["adversarial", "cycle", "identity", "discriminator"], ["cycle", "identity"]),
        ("cut", ["discriminator", "adversarial", "patch_nce"], ["patch_nce"]),
    ],
)
def test_losses_of_the_adversarial_game_do_not_count(recipe, logged, terms):
    small = {**fitting(recipe), "dataset.pairs": ""}
    assert learned_terms(config(small, recipe=recipe), logged) == terms


def test_all_optimizers_take_rising_rates_in_the_proportion_of_their_own(tmp_path):
    data = pairs(tmp_path / "pairs", train=4)
    settings = {
        "train.steps": "12",
        "train.optimizer.discriminator.lr": "0.0004",
        "train.optimizer.generator.lr": "1e-4",
    }
    made, seen = job(tmp_path / "run", settings, dataset=data), []

    def note(done, count):
        assert count == 12
        seen.append({n: g.optimizer.param_groups[0]["lr"] for n, g in made.update.groups.items()})

    result = lr_range_test(made, tick=note)
    first = next(iter(made.update.groups))
    assert [rates[first] for rates in seen] == pytest.approx(list(np.geomspace(LOWEST, HIGHEST, 12)[: len(seen)]))
    for rates in seen:
        assert rates["discriminator"] == pytest.approx(4 * rates["generator"])
    assert result.terms == ["reconstruction"]
    assert len(result.losses) == len(seen)


def test_it_ends_where_the_loss_has_risen_to_four_times_its_least(tmp_path):
    """With so high a last rate the generator's output is all black or white after a few steps, and gets no better."""
    data = pairs(tmp_path / "pairs", train=4)
    made = job(tmp_path / "run", {"train.steps": "60", "adversarial.weight": "0"}, dataset=data)
    result = lr_range_test(made)
    assert all(np.isfinite(result.losses))
    assert len(result.losses) <= 60
