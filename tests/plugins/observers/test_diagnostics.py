"""Diagnoses of histories written by hand: which figure leads to which diagnosis."""

import math

import numpy as np
import pytest

from imtrans.interfaces import Run, Sample
from imtrans.kit.report.metric_history import History
from imtrans_observers.diagnostics import THRESHOLDS, diagnose, gradient_ratio, trend
from imtrans_observers.image_stats import ImageStats, image_stats
from imtrans_observers.run_diagnostics import Diagnostics

WELL = {
    "discriminator": 0.5,
    "adversarial": 1.0,
    "reconstruction": 20.0,
    "health.accuracy": 0.8,
    "health.gradient.generator": 20.0,
    "health.gradient.discriminator": 5.0,
    "health.lr.generator": 2e-4,
    "health.lr.discriminator": 2e-4,
    "health.waiting": 0.02,
    "health.skipped": 0.0,
}
FINE = ImageStats(spread=0.6, colours=0.8, saturated=0.0, target_spread=0.13, target_colours=0.27)


def past(lines=30, every=10, **changed):
    history = History()
    for number in range(1, lines + 1):
        values = {**WELL, **{k.replace("__", "."): v for k, v in changed.items()}}
        history.add("train", number * every, {k: v(number) if callable(v) else v for k, v in values.items()})
    return history


def verdict(stats=FINE, **changed):
    return diagnose(past(**changed), stats)


def test_a_run_without_complaints_is_healthy_and_nothing_is_to_be_tried():
    found = verdict()
    assert (found.name, found.hint) == ("healthy", "")
    assert "D classifies 80% of the patches correctly" in found.sentence


@pytest.mark.parametrize(("lines", "every"), [(7, 100), (19, 10), (0, 10)], ids=["lines", "steps", "nothing"])
def test_a_short_log_holds_no_verdict(lines, every):
    assert diagnose(past(lines=lines, every=every, health__accuracy=1.0), None).name == "too early to tell"


def test_a_discriminator_that_is_always_right_wins():
    found = verdict(health__accuracy=0.995)
    assert found.name == "D wins"
    assert found.hint == "--set train.optimizer.discriminator.lr=5e-05"


def test_an_accurate_discriminator_wins_only_where_its_gradient_has_gone():
    assert verdict(health__accuracy=0.95).name == "healthy"
    gone = verdict(health__accuracy=0.95, health__gradient__discriminator=1.0)
    assert gone.name == "D wins"
    assert "20 times shorter" in gone.sentence


def test_predictions_alike_where_targets_differ_are_the_mean():
    assert verdict(stats=FINE._replace(spread=0.05)).name == "G copies the mean"
    assert verdict(stats=FINE._replace(spread=0.05, target_spread=0.01)).name == "healthy"


def test_grey_or_saturated_predictions_are_collapsed_colours():
    grey, saturated = verdict(stats=FINE._replace(colours=0.1)), verdict(stats=FINE._replace(saturated=0.9))
    assert grey.name == saturated.name == "colours collapsed"
    assert saturated.hint == "--set train.optimizer.generator.lr=5e-05"
    assert verdict(stats=FINE._replace(colours=0.1, target_colours=0.0)).name == "healthy"


def test_a_run_that_waits_for_its_data_is_starved():
    found = verdict(health__waiting=0.7)
    assert (found.name, found.hint) == ("starved by the loader", "processes that load ahead: --workers 4")
    assert "70%" in found.sentence


def test_steps_left_out_or_a_growing_distance_are_unstable():
    assert verdict(health__skipped=2.0).name == "unstable"
    assert verdict(reconstruction=lambda n: 10.0 if n < 25 else 20.0).name == "unstable"
    assert verdict(adversarial=lambda n: 1.0 if n < 25 else 5.0).name == "healthy", "players balance each other"


def test_only_the_last_third_counts():
    assert verdict(health__waiting=lambda n: 1.0 if n < 18 else 0.0).name == "healthy"
    assert verdict(health__accuracy=lambda n: 0.5 if n < 18 else 1.0).name == "D wins"


def test_what_spoils_the_result_comes_before_what_costs_time():
    assert verdict(health__waiting=0.9, health__accuracy=1.0).name == "D wins"
    assert verdict(stats=FINE._replace(saturated=0.9), health__skipped=30.0).name == "unstable"


def test_a_method_that_logs_one_loss_alone_is_judged_too():
    history = History()
    for step in range(10, 310, 10):
        history.add("train", step, {"distance": 1 / step})
    assert diagnose(history).name == "healthy"


def test_numbers_that_are_not_finite_do_no_harm():
    assert verdict(health__accuracy=math.nan, reconstruction=math.nan, health__waiting=math.nan).name == "healthy"


def test_every_threshold_gives_its_reason():
    assert all(len(t.reason) > 20 and t.value > 0 for t in THRESHOLDS.values())


def test_trend_and_ratio_by_hand():
    assert trend([4.0, 4.0, 5.0, 5.0]) == pytest.approx(0.25)
    assert math.isnan(trend([1.0, 2.0, 3.0]))
    assert math.isnan(trend([0.0, 0.0, 1.0, 1.0]))
    assert gradient_ratio(past()) == pytest.approx(4)
    assert gradient_ratio(past(health__gradient__discriminator=0.0)) == math.inf
    assert math.isnan(gradient_ratio(History()))


def flat(*colour):
    return np.full((8, 8, 3), colour, np.uint8)


def sample(prediction, target):
    return Sample(key="a", source=target, prediction=prediction, target=target)


def test_image_statistics_by_hand():
    """Targets at 50 and 150: each pixel's deviation is 50. Predictions at 90 and 110: 10, a fifth of it."""
    stats = image_stats([sample(flat(90, 90, 90), flat(50, 50, 50)), sample(flat(110, 110, 110), flat(150, 150, 150))])
    assert stats.spread == pytest.approx(0.2)
    assert stats.target_spread == pytest.approx(50 / 255)
    assert (stats.target_colours, stats.colours, stats.saturated) == (0, 1, 0)


def test_image_statistics_show_lost_colours_and_full_channels():
    """R - G is 200 and -200 in the targets, 20 and -20 in the predictions."""
    stats = image_stats([sample(flat(60, 40, 40), flat(220, 20, 20)), sample(flat(40, 60, 60), flat(20, 220, 220))])
    assert stats.colours == pytest.approx(0.1)
    white = image_stats([sample(flat(255, 9, 9), flat(200, 9, 9)), sample(flat(9, 9, 9), flat(100, 9, 9))])
    assert white.saturated == pytest.approx(0.5)
    same = image_stats([sample(flat(255, 0, 9), flat(255, 0, 9))] * 2)
    assert same.saturated == 0


@pytest.mark.parametrize("count", [0, 1])
def test_one_picture_is_too_few_to_be_compared(count):
    assert image_stats([sample(flat(1, 2, 3), flat(4, 5, 6))] * count) is None


def test_pictures_of_several_sizes_or_without_targets_are_not_looked_at():
    big = np.zeros((16, 16, 3), np.uint8)
    assert image_stats([sample(big, big), sample(flat(0, 0, 0), flat(0, 0, 0))]) is None
    assert image_stats([Sample(key="a", source=big, prediction=big)] * 2) is None


def test_image_statistics_of_later_steps_are_dropped_when_a_run_is_rolled_back():
    diagnostics = Diagnostics()
    diagnostics.evaluated(300, {}, [sample(flat(90, 90, 90), flat(0, 0, 0))] * 2)
    assert diagnostics.stats is not None
    diagnostics.logged(200, WELL)
    assert diagnostics.stats is None


def test_the_observers_of_a_run_share_one_diagnosis_and_count_an_event_once(tmp_path):
    run, other = (Run(folder=tmp_path, config=None, steps=1000) for _ in range(2))
    diagnostics = [Diagnostics.of(run) for _ in range(3)]
    assert diagnostics[0] is diagnostics[1] is diagnostics[2] is not Diagnostics.of(other)
    for step in range(10, 310, 10):
        values = dict(WELL)
        for each in diagnostics:
            each.logged(step, values)
        assert len({id(each.diagnosis()) for each in diagnostics}) == 1
    assert diagnostics[0].diagnosis().name == "healthy"
    assert len(diagnostics[0].history.column("adversarial").steps) == 30
    diagnostics[1].logged(300, {**WELL, "adversarial": 9.0})
    assert diagnostics[0].history.last("train")["adversarial"] == 9.0, "the same step again, after a roll-back"
