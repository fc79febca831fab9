"""Learning rates against formulas worked out by hand."""

import math

import pytest
import torch
from factories import job, pairs

from imtrans.engine.optim.schedules import lr_schedule as factor
from imtrans.engine.training import trainer
from imtrans.errors import ConfigError
from imtrans.plugins.recipe import TrainOptions


def rates(steps=10, **options):
    given = factor(TrainOptions(**options), steps)
    return [given(step) for step in range(steps)]


def test_without_a_schedule_the_rate_stays():
    assert rates() == [1.0] * 10


def test_linear_is_constant_for_half_the_run_and_then_falls_to_zero_after_its_end():
    """CycleGAN's: 1 until epoch n, then 1 - (t - n) / n, reaching 0 one step past the last."""
    assert rates(schedule="linear") == pytest.approx([1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])
    assert rates(schedule="linear", decay_start=0.0) == pytest.approx([1 - t / 10 for t in range(10)])


def test_cosine_is_half_a_cosine():
    assert rates(schedule="cosine") == pytest.approx([(1 + math.cos(math.pi * t / 10)) / 2 for t in range(10)])


def test_inverse_time_is_that_of_keras():
    """Project 000: Adam with decay 1e-5, that is lr / (1 + 1e-5 t)."""
    assert rates(schedule="inverse-time")[9] == pytest.approx(1 / 1.00009)
    assert rates(schedule="inverse-time", decay_rate=1.0) == pytest.approx([1 / (1 + t) for t in range(10)])


def test_warm_up_rises_in_a_straight_line():
    assert rates(warmup=4)[:6] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_warm_up_as_long_as_the_run_is_refused():
    with pytest.raises(ConfigError, match=r"train.warmup 10: the run has only 10 steps"):
        rates(warmup=10)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return pairs(tmp_path_factory.mktemp("data") / "pairs", train=4, val=1)


class Rates:
    """Reads the learning rates that the optimisers have at each step."""

    def __init__(self, made):
        self.seen, self.update, self.begin = [], made.update, made.update.begin
        made.update.begin = self

    def __call__(self, step):
        self.begin(step)
        self.seen.append([g.optimizer.param_groups[0]["lr"] for g in self.update.groups.values()])


@pytest.mark.slow
def test_every_group_follows_the_schedule_from_its_own_rate(tmp_path, data):
    two = {"train.optimizer.discriminator.lr": "0.001", "train.schedule": "linear", "train.steps": "4", "metrics": "[]"}
    made = job(tmp_path / "run", two, dataset=data)
    rates = Rates(made)
    trainer.fit(made)
    order = list(made.update.groups)
    start = {"generator": 2e-4, "discriminator": 1e-3}
    wanted = [[start[name] * f for name in order] for f in (1, 1, 1, 0.5)]
    assert rates.seen == [pytest.approx(w) for w in wanted]


def test_clipping_shortens_a_long_gradient_and_leaves_a_short_one():
    from imtrans.engine.optim.optimizer_step import OptimizerStep

    for clip, moved in ((1.0, 1.0), (100.0, 5.0)):
        weight = torch.nn.Parameter(torch.zeros(2))
        update = OptimizerStep.of({"generator": torch.optim.SGD([weight], lr=1.0)})
        update.clip = clip
        update({"generator": (weight * torch.tensor([3.0, 4.0])).sum()})
        assert weight.detach().norm() == pytest.approx(moved, rel=1e-4)
        assert update.norms["generator"] == pytest.approx(5.0)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_and_keeps_weights_whole(precision, tmp_path, data):
    made = job(tmp_path / "run", {"train.precision": precision, "train.steps": "6", "metrics": "l1"}, dataset=data)
    result = trainer.fit(made)
    assert result.step == 6
    assert {p.dtype for n in made.model.networks.values() for p in n.parameters()} == {torch.float32}


@pytest.mark.slow
def test_fp16_comes_back_with_its_scale(tmp_path, data):
    from factories import go_on

    half = {"train.precision": "fp16", "metrics": "[]", "train.steps": "3"}
    made = job(tmp_path / "run", half, dataset=data)
    trainer.fit(made)
    scales = {n: g.scaler.get_scale() for n, g in made.update.groups.items()}
    again = go_on(tmp_path / "run", {**half, "train.steps": "6"}, dataset=data)
    assert {n: g.scaler.get_scale() for n, g in again.update.groups.items()} == scales
