import json
import math

import pytest

from imtrans.kit.report.metric_history import History, read, thinned


def filled():
    history = History()
    for step in (10, 20, 30, 40):
        history.add("train", step, {"a": step / 10, "health.b": 1.0}, time=float(step))
    return history


def pairs(history, name="a", split="train"):
    column = history.column(name, split)
    return list(zip(column.steps, column.values, strict=True))


def test_what_comes_at_an_earlier_step_replaces_what_lay_after_it():
    history = filled()
    history.add("val", 40, {"psnr": 20.0})
    history.add("train", 25, {"a": 9.0})
    assert pairs(history) == [(10, 1), (20, 2), (25, 9)]
    assert (history.names("val"), history.step, sorted(history.times)) == ([], 25, [10, 20])


def test_the_same_step_again_is_there_once():
    history = filled()
    history.add("train", 40, {"a": 7.0})
    assert pairs(history)[-2:] == [(30, 3), (40, 7)]


def test_losses_are_what_is_not_health():
    assert filled().losses() == ["a"]


def test_the_tail_is_counted_in_steps():
    assert filled().column("a").tail(1 / 3) == [3, 4]
    assert filled().column("nothing").tail(0.5) == []


def test_a_log_is_read_and_what_is_broken_in_it_is_passed_over(tmp_path):
    lines = [
        json.dumps({"step": 1, "time": 5.0, "split": "train", "a": 1.5, "bad": None}),
        json.dumps({"step": 2, "time": 6.0, "split": "train", "a": 2.5}),
        "[1, 2]",
        json.dumps({"time": 6.0, "a": 2.5}),
        json.dumps({"step": "x", "split": "train"}),
        json.dumps({"step": 2, "time": 7.0, "split": "val", "psnr": 20}),
        "\x00\x00",
        '{"step": 3, "time": 8.0, "spl',
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    history = read(tmp_path)
    assert pairs(history) == [(1, 1.5), (2, 2.5)]
    assert math.isnan(history.column("bad").values[0])
    assert history.column("bad").finite() == []
    assert history.last("val") == {"psnr": 20.0}
    assert read(tmp_path / "nothing").step == 0


def test_a_line_written_twice_and_out_of_order_is_there_once(tmp_path):
    steps = [1, 2, 3, 2, 3]
    lines = [json.dumps({"step": s, "time": i, "split": "train", "a": i}) for i, s in enumerate(steps)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    assert pairs(read(tmp_path)) == [(1, 0), (2, 3), (3, 4)]


def test_thinning_keeps_the_mean_and_the_last_step():
    points = [(i, float(i % 7)) for i in range(1, 1001)]
    few = thinned(points, 100)
    assert len(few) == 100
    assert few[-1][0] == 1000
    assert sum(v for _, v in few) / 100 == pytest.approx(sum(v for _, v in points) / 1000)
    assert thinned(points[:5], 100) == points[:5]


def test_a_pause_between_two_processes_is_no_time_spent():
    history = filled()
    history.add("train", 50, {"a": 1.0}, time=40.0 + 86_400)
    assert history.seconds(resumed=[40]) == 40
    assert history.seconds() == 30 + 86_400
    assert filled().seconds() == 30
    assert History().seconds() == 0
