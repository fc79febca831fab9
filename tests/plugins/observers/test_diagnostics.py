"""Diagnoses of histories written by hand: which figure leads to which diagnosis."""

import math
import os

import numpy as np
import pytest
from factories import config

from imtrans.interfaces import Run, Sample
from imtrans.kit.report.metric_history import History
from imtrans_observers.diagnosis import RunFacts, diagnose
from imtrans_observers.diagnosis.image_stats import ImageStats, image_stats
from imtrans_observers.diagnosis.log_faults import gradient_ratio, trend
from imtrans_observers.diagnosis.run_diagnostics import Diagnostics
from imtrans_observers.diagnosis.thresholds import THRESHOLDS

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
    assert (found.name, found.hint) == (
        "starved by the loader",
        f"processes that load ahead: --workers {os.cpu_count()}",
    )
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
    run, other = (Run(folder=tmp_path, config=config(), steps=1000) for _ in range(2))
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


FACTS = RunFacts(numbers={"l1": False, "psnr": True, "ssim": True}, pairs=400, steps=300, name="mine")


def scored(facts=FACTS, stats=FINE, **numbers):
    """The diagnosis of a run whose last evaluation gave these numbers."""
    history = past()
    history.add("val", 300, {k: float(v) for k, v in numbers.items()})
    return diagnose(history, stats, facts)


def test_a_model_that_loses_against_the_mean_image_by_most_numbers_is_not_healthy():
    better = {"l1": 0.1, "psnr": 20, "ssim": 0.5, "l1_of_mean_image": 0.3, "psnr_of_mean_image": 15}
    assert scored(**better, ssim_of_mean_image=0.2).name == "healthy"
    worse = scored(**{**better, "l1": 0.4, "psnr": 12}, ssim_of_mean_image=0.2)
    assert worse.name == "worse than the mean image"
    assert worse.sentence == "l1 is 0.4, and of the mean training picture in place of each translation 0.3."
    assert worse.hint == "a longer training: imtrans resume mine --steps 600"
    # A sharp picture may lose by one number.
    assert scored(**{**better, "psnr": 12}, ssim_of_mean_image=0.2).name == "healthy"
    known = scored(l1=0.4, l1_of_mean_image=0.3, l1_on_training=0.1)
    assert "imtrans data preview" in known.hint


def test_unpaired_pictures_have_no_distance_to_a_target():
    few, enough = (scored(RunFacts(pairs=n, is_paired=False)) for n in (12, 40))
    assert (few.name, few.sentence[:11]) == ("few pictures", "12 pictures")
    assert enough.name == "healthy"
    assert "distance to the target" not in enough.sentence
    assert "the loss 'reconstruction' changed by" in enough.sentence


def test_pictures_that_are_known_by_heart_and_few_pairs_are_told():
    assert scored(l1=0.3, l1_on_training=0.2).name == "healthy"
    by_heart = scored(l1=0.3, l1_on_training=0.1)
    assert (by_heart.name, "3.0 times" in by_heart.sentence) == ("learned by heart", True)
    assert by_heart.hint.endswith("mine@best")
    few = scored(RunFacts(pairs=12))
    assert (few.name, few.sentence[:8]) == ("few pairs", "12 pairs")
    assert scored(RunFacts(pairs=30)).name == "healthy"


def test_a_finished_run_that_still_gets_better_fast_is_not_finished():
    history = History()
    for step in range(10, 301, 10):
        history.add("train", step, WELL)
        history.add("val", step, {"l1": 1 - step / 320})
    assert diagnose(history, FINE, FACTS).name == "not finished"
    going_on = RunFacts(numbers=FACTS.numbers, steps=900)
    assert diagnose(history, FINE, going_on).name == "healthy"


def test_no_value_is_proposed_that_is_set_already_or_that_the_run_does_not_have():
    alike = ImageStats(spread=0.05, target_spread=0.13, colours=0.8, target_colours=0.27)

    def wider(**values):
        return diagnose(past(), alike, RunFacts(values=values)).hint

    assert wider(**{"generator.width": 16}).endswith("--set generator.width=32")
    assert wider(**{"generator.width": 64}).endswith("--set generator.width=128")
    assert wider(**{"generator.width": 256}) == wider() == "another generator: imtrans list generators"
    grey = ImageStats(spread=0.6, target_spread=0.13, colours=0.1, target_colours=0.27)
    hints = [
        diagnose(past(), grey, RunFacts(values={"adversarial.bce.weight": w})).hint.split()[-1] for w in (1.0, 5.0, 0.0)
    ]
    assert hints == ["adversarial.bce.weight=5", "adversarial.bce.weight=25", "adversarial.weight=1"]
    late = past(health__waiting=0.7)
    cores = os.cpu_count()
    assert diagnose(late, FINE, RunFacts(values={"data.workers": 0})).hint.endswith(f"--workers {min(cores, 4)}")
    full = {"data.workers": cores, "data.cache": "auto"}
    assert diagnose(late, FINE, RunFacts(values=full)).hint.endswith("data.cache=on")
    assert "stored at the size" in diagnose(late, FINE, RunFacts(values={**full, "data.cache": "on"})).hint


def noisy(count=6, side=64):
    random = np.random.default_rng(1)
    return [random.integers(60, 190, (side, side, 3), dtype=np.uint8) for _ in range(count)]


def test_a_mark_on_every_prediction_and_on_no_target_is_a_fixed_pattern():
    targets = noisy()
    marked = [t.copy() for t in noisy()]
    for each in marked:
        each[4:14, 20:30] = (255, 0, 255)
    stats = image_stats([sample(p, t) for p, t in zip(marked, targets, strict=True)])
    assert stats.fixed == pytest.approx(100 / 64**2, abs=1e-4)
    assert diagnose(past(), stats._replace(spread=0.6, colours=0.8)).name == "fixed pattern"
    on_all = image_stats([sample(p, p) for p in marked])
    assert on_all.fixed == 0
    of_three = image_stats([sample(p, t) for p, t in zip(marked[:3], targets, strict=False)])
    assert of_three.fixed == 0, "three pictures can be alike by chance"


@pytest.mark.parametrize("period", [2, 4])
def test_a_grid_of_the_stride_that_the_targets_lack_is_a_checkerboard(period):
    rows, columns = np.indices((64, 64)) // (period // 2)
    grid = ((rows + columns) % 2 * 2 - 1)[..., None] * 12
    plain = noisy()
    with_grid = [np.clip(p.astype(int) + grid, 0, 255).astype(np.uint8) for p in noisy()]
    stats = image_stats([sample(p, t) for p, t in zip(with_grid, plain, strict=True)])
    assert diagnose(past(), stats).name == "checkerboard"
    assert diagnose(past(), image_stats([sample(p, p) for p in with_grid])).name != "checkerboard"
    resize = RunFacts(values={"generator.upsampling": "transposed"})
    assert diagnose(past(), stats, resize).hint.endswith("--set generator.upsampling=resize")
    done = RunFacts(values={"generator.upsampling": "resize"})
    assert "upsampling=" not in diagnose(past(), stats, done).hint


def test_rounding_to_8_bits_and_small_pictures_are_no_checkerboard():
    smooth = [np.full((64, 64, 3), 90 + i, np.uint8) for i in range(6)]
    assert diagnose(past(), image_stats([sample(s, s) for s in smooth])).name != "checkerboard"
    assert image_stats([sample(p, p) for p in noisy(side=12)]).grid == 0
