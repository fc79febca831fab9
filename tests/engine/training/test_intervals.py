"""After which steps, epochs or minutes something is due."""

import time

import pytest

from imtrans.engine.checkpoints.state import Progress
from imtrans.engine.data.sampler import EpochSampler, Position
from imtrans.engine.training.intervals import Due, Intervals
from imtrans.plugins.interval import Interval
from imtrans.plugins.recipe import TrainOptions


def due(intervals, name, *, start=0):
    """After which steps something is due in a run that is taken up after `start` steps."""
    order = EpochSampler(
        count=intervals.count, batch_size=intervals.batch_size, seed=0, steps=intervals.last_step, start=Position()
    )
    progress = [Progress(step=i, position=step.after) for i, step in enumerate(order, 1)]
    return [p.step for p in progress[start:] if getattr(intervals.after(p), name)]


def every(**texts):
    return TrainOptions(**{k: Interval.parse(v) for k, v in texts.items()})


def test_what_is_due_after_which_step():
    options = every(evaluate_every=6, sample_every="5 steps", save_every=7, milestone_every="9 steps")
    intervals = Intervals(options, last_step=18)
    assert due(Intervals(TrainOptions(log_every=4), last_step=18), "log") == [1, 4, 8, 12, 16, 18]
    assert due(intervals, "evaluation") == [6, 12]  # the last step is evaluated anyway
    assert due(intervals, "sample") == [5, 10, 15]
    assert due(intervals, "save") == [7, 9, 14, 18]
    assert due(intervals, "milestone") == [9, 18]


def test_epochs_end_where_their_last_and_smaller_step_ends():
    """7 pictures in batches of 2: 4 steps an epoch; half of one is done with the second step, 4 of 7 pictures."""
    options = every(evaluate_every="1 epoch", save_every="0.5 epochs", milestone_every="2 epochs", sample_every="never")
    intervals = Intervals(options, last_step=17, count=7, batch_size=2)
    assert due(intervals, "evaluation") == [4, 8, 12, 16]
    assert due(intervals, "milestone") == [8, 16]
    assert due(intervals, "save") == [2, 4, 6, 8, 10, 12, 14, 16]
    assert due(intervals, "sample") == []
    assert due(intervals, "evaluation", start=6) == [8, 12, 16]  # as in a run that was not stopped
    assert (intervals.times("evaluation"), intervals.times("sample")) == (4, 0)


def test_an_epoch_of_one_step_and_a_tenth_of_one():
    assert due(Intervals(every(save_every="1 epoch"), last_step=3, count=4, batch_size=8), "save") == [1, 2, 3]
    tenths = Intervals(every(save_every="0.1 epochs"), last_step=20, count=10)
    assert due(tenths, "save") == [*range(1, 21)]  # three times 0.1 is 0.3 here


def test_minutes_count_from_when_it_was_done_last(monkeypatch):
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    intervals = Intervals(every(evaluate_every="5 minutes", save_every="1 hour"), last_step=1000)
    seen = []
    for step in range(1, 1000):
        now += 20.0
        if (which := intervals.after(Progress(step=step))).evaluation:
            seen.append(now)
            now += 600.0  # the evaluation itself takes longer than what lies between two of them
        intervals.restart(which)
    assert seen[:3] == [300.0, 1200.0, 2100.0]


@pytest.mark.slow
def test_evaluations_come_ten_times_a_run_and_seldomer_where_they_would_take_long():
    def evaluations(last_step, **counts):
        return due(Intervals(TrainOptions(), last_step=last_step, **counts), "evaluation")

    assert evaluations(300, count=100, validation=10, batch_size=8) == [*range(30, 300, 30)]
    assert evaluations(40, validation=1) == [10, 20, 30]
    assert evaluations(9, validation=1) == []
    assert evaluations(1000, validation=1000) == []  # the one at its end has as many pictures as the training
    assert evaluations(6000, validation=1000) == [2000, 4000]


@pytest.mark.slow
def test_samples_come_ten_times_a_run_and_at_least_every_500_steps():
    assert due(Intervals(TrainOptions(), last_step=40), "sample") == [*range(4, 40, 4)]
    assert due(Intervals(TrainOptions(), last_step=20_000), "sample")[:2] == [500, 1000]


@pytest.mark.parametrize(
    ("value", "text", "plain"),
    [
        (500, "500 steps", 500),
        ("500 steps", "500 steps", 500),
        ("1 epoch", "1 epoch", "1 epoch"),
        ("epoch", "1 epoch", "1 epoch"),
        ("2.5 Epochs", "2.5 epochs", "2.5 epochs"),
        ("5min", "5 minutes", "5 minutes"),
        ("2 hours", "120 minutes", "120 minutes"),
        ("never", "never", "never"),
    ],
)
def test_an_interval_in_words(value, text, plain):
    interval = Interval.parse(value)
    assert (str(interval), interval.plain()) == (text, plain)
    assert Interval.parse(interval.plain()) == interval


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "0.5 steps", "0 epochs", "5 parsecs", "", "epoch 1", "1e9 s"])
def test_what_is_no_interval(value):
    with pytest.raises(ValueError, match='must be "500 steps", "1 epoch", "5 minutes" or "never"'):
        Interval.parse(value)


def test_nothing_is_due_at_first():
    assert not any(Due())
