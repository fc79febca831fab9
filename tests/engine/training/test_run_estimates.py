"""What a run says beforehand: how long its evaluations will take, and how much of the disk it needs."""

import re

import pytest
from factories import job, pairs

from imtrans.engine.checkpoints.disk_use import size_in_words
from imtrans.engine.training import trainer
from imtrans.engine.training.evaluation_cost import in_words

QUIET = {"train.sample_every": "never", "train.num_samples": "1"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return pairs(tmp_path_factory.mktemp("data") / "pairs", train=4, val=12)


@pytest.mark.slow
@pytest.mark.parametrize(("every", "is_told"), [("1", True), ('"1 epoch"', True), ("never", False)])
def test_evaluations_that_take_more_than_a_tenth_of_the_time_are_told_once(every, is_told, tmp_path, data, capsys):
    settings = {"train.steps": "60", "train.evaluate_every": every, "metrics": '["l1", "ssim"]', **QUIET}
    trainer.fit(job(tmp_path / "run", settings, dataset=data))
    notes = re.findall(
        r"Note: evaluations will take about (\d+)% of the time: (\d+) of 12 pict", capsys.readouterr().err
    )
    assert len(notes) == is_told
    for share, times in notes:
        assert int(share) > 10
        assert int(times) == (59 if every == "1" else 29)


@pytest.mark.slow
def test_what_an_evaluation_costs_changes_no_bit_of_the_training(tmp_path, data):
    settings = {"train.steps": "60", "metrics": "l1", "inference.dropout": "true", **QUIET}
    often, never = (
        trainer.fit(job(tmp_path / name, {**settings, "train.evaluate_every": every}, dataset=data))
        for name, every in (("often", "7"), ("never", "never"))
    )
    one, other = (r.checkpoint / "model.safetensors" for r in (often, never))
    from safetensors.torch import load_file

    assert all(value.equal(load_file(other)[key]) for key, value in load_file(one).items())


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"train.optimizer.name": "lion", "train.ema": "0.9"},
        {"train.milestone_every": "3", "train.best_checkpoint": "full"},
    ],
    ids=str,
)
def test_the_disk_that_a_run_says_it_needs_is_what_it_takes(settings, tmp_path, data):
    long = {"train.steps": "9", "train.save_every": "2", "train.evaluate_every": "4", "train.keep_last": "2", **QUIET}
    made = job(tmp_path / "run", {**long, "generator.width": "32", "metrics": "l1", **settings}, dataset=data)
    trainer.fit(made)
    folder = tmp_path / "run"
    [(number, unit)] = re.findall(r"^about ([\d.]+) (MB|GB) \(2 checkpoints", str(made.run.facts["disk"]))
    said = float(number) * (1e6 if unit == "MB" else 1e9)
    full = max(sum(f.stat().st_size for f in p.iterdir()) for p in folder.glob("step-*"))
    weights = (folder / "step-000009" / "model.safetensors").stat().st_size
    milestones, is_full = (2, True) if "train.milestone_every" in settings else (0, False)
    assert said == pytest.approx((2 + milestones) * full + (full if is_full else weights), rel=0.1)


def test_a_disk_that_is_too_full_is_said(tmp_path, data, monkeypatch):
    from imtrans import atomic_io

    monkeypatch.setattr(atomic_io.disk, "free", lambda folder: 100_000)
    assert str(job(tmp_path / "run", dataset=data).run.facts["disk"]).endswith("; only 0.1 MB are free")


@pytest.mark.parametrize(("value", "text"), [(1.2e9, "1.2 GB"), (56e6, "56 MB"), (0, "0.0 MB"), (4.4e5, "0.4 MB")])
def test_bytes_in_words(value, text):
    assert size_in_words(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.04, "0.04 s"), (12.4, "12 s"), (150, "2 minutes")])
def test_seconds_in_words(value, text):
    assert in_words(value) == text
