"""Which checkpoints stay: the newest, the best, the milestones; and when a run ends early."""

import json
import random

import numpy as np
import pytest
from factories import go_on, job, pairs

import imtrans
from imtrans import atomic_io, hookimpl
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.training import trainer
from imtrans.engine.training.best_checkpoint import best_metric_candidates
from imtrans.engine.training.checkpoint_saver import CheckpointSaver
from imtrans.engine.training.signal_handlers import SignalFlags
from imtrans.errors import ConfigError
from imtrans.plugins.interval import Interval

SELDOM = {"train.sample_every": "99", "train.num_samples": "1"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return pairs(tmp_path_factory.mktemp("data") / "pairs", train=4, val=2)


def steps_of(folder):
    return sorted(checkpoint_paths.step_of(p) for p in checkpoint_paths.newest_first(folder))


def evaluated(folder):
    """The psnr of each evaluation of a run by its step."""
    lines = [json.loads(text) for text in (folder / "metrics.jsonl").read_text().splitlines()]
    return {line["step"]: line["psnr"] for line in lines if line["split"] == "val" and "psnr" in line}


def best_of(folder):
    return json.loads((folder / "best.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("holds", ["weights", "full"])
def test_the_best_checkpoint_stays_and_is_named(tmp_path, data, holds):
    """At such a learning rate the first evaluation is the best; psnr counts upwards."""
    ever = {"train.steps": "9", "train.evaluate_every": "2", "train.save_every": "3", "train.keep_last": "1"} | SELDOM
    ever |= {"train.optimizer.lr": "0.5", "train.best_metric": "psnr", "train.best_checkpoint": holds}
    trainer.fit(job(tmp_path / "run", ever, dataset=data))
    scores, best = evaluated(tmp_path / "run"), best_of(tmp_path / "run")
    step = max(scores, key=scores.get)
    assert step < 9
    name = f"{'best' if holds == 'weights' else 'step'}-{step:06}"
    assert best == {"step": step, "metric": "psnr", "value": scores[step], "checkpoint": name}
    assert steps_of(tmp_path / "run") == ([9] if holds == "weights" else sorted({step, 9}))
    assert checkpoint_paths.best(tmp_path / "run") == tmp_path / "run" / name
    assert not atomic_io.faults(tmp_path / "run" / name)
    assert (tmp_path / "run" / name / "optimizer.safetensors").exists() == (holds == "full")


@pytest.mark.slow
def test_of_many_bests_one_is_kept_and_it_translates(tmp_path, data):
    """Each evaluation is better than the one before; only the end, which is the best of all, is left then."""
    settings = {"train.steps": "30", "train.evaluate_every": "5", "train.save_every": "never", "metrics": "l1"} | SELDOM
    made, seen = job(tmp_path / "run", settings, dataset=data), []
    write = CheckpointSaver.save_best

    def counted(saver):
        write(saver)
        seen.append(sorted(p.name for p in (tmp_path / "run").glob("best-*")))
        assert imtrans.load(tmp_path / "run" / seen[-1][-1]).translate(np.zeros((32, 32, 3), np.uint8)).any()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CheckpointSaver, "save_best", counted)
        result = trainer.fit(made)
    assert len(seen) > 2
    assert all(len(names) == 1 for names in seen)
    best = best_of(tmp_path / "run")
    assert best["step"] == 30
    assert (best["checkpoint"], best["value"]) == ("step-000030", result.scores.metrics["l1"])
    assert not list((tmp_path / "run").glob("best-*"))


@pytest.mark.slow
def test_a_run_resumed_from_an_earlier_checkpoint_names_the_best_of_then(tmp_path, data, monkeypatch):
    """Killed after a new best that no checkpoint of the whole state knows: that one is not the best any more."""
    settings = {"train.steps": "20", "train.evaluate_every": "5", "train.save_every": "6", "metrics": "l1"} | SELDOM
    folder = tmp_path / "run"
    trainer.fit(job(folder, settings, dataset=data))
    wanted = best_of(folder)
    again = tmp_path / "again"
    made = job(again, settings, dataset=data)

    class Killed(Exception):
        pass

    write = CheckpointSaver.save_best

    def until_10(saver):
        write(saver)
        if made.progress.step == 10:
            raise Killed

    monkeypatch.setattr(CheckpointSaver, "save_best", until_10)
    with pytest.raises(Killed):
        trainer.fit(made)
    monkeypatch.undo()
    assert best_of(again)["step"] == 10
    assert sorted(p.name for p in again.glob("best-*")) == ["best-000005", "best-000010"]
    on = go_on(again, settings, dataset=data)
    assert on.progress.step == 6
    trainer.Trainer(on, SignalFlags())
    assert best_of(again)["step"] == 5
    trainer.fit(on)
    assert best_of(again) == wanted
    assert len(list(again.glob("best-*"))) == len(list(folder.glob("best-*")))


@pytest.mark.slow
def test_a_run_that_is_trained_further_keeps_its_end_if_that_was_the_best(tmp_path, data):
    settings = {"train.steps": "10", "train.evaluate_every": "5", "metrics": "l1"} | SELDOM
    trainer.fit(job(tmp_path / "run", settings, dataset=data))
    first = best_of(tmp_path / "run")
    assert first["checkpoint"] == "step-000010"
    trainer.fit(go_on(tmp_path / "run", {**settings, "train.steps": "20", "train.optimizer.lr": "1"}, dataset=data))
    assert best_of(tmp_path / "run") == first
    assert steps_of(tmp_path / "run") == [10, 20]


def test_a_finished_run_keeps_one_checkpoint_and_one_that_trains_keeps_two(tmp_path, data):
    settings = {"train.steps": "7", "train.save_every": "2", "metrics": "[]"} | SELDOM
    made, seen = job(tmp_path / "run", settings, dataset=data), []
    made.observers._manager.register(Watcher(lambda: seen.append(steps_of(tmp_path / "run"))))
    trainer.fit(made)
    assert seen == [[2], [2, 4], [4, 6], [6, 7]]
    assert steps_of(tmp_path / "run") == [7]


class Watcher:
    def __init__(self, look):
        self.look = look

    @hookimpl
    def imtrans_checkpoint_saved(self, run, step, path):
        self.look()


@pytest.mark.slow
def test_milestones_stay(tmp_path, data):
    often = {
        "train.steps": "7",
        "train.save_every": "1",
        "train.milestone_every": "3",
        "train.keep_last": "1",
        "metrics": "[]",
    }
    trainer.fit(job(tmp_path / "run", often, dataset=data))
    assert steps_of(tmp_path / "run") == [3, 6, 7]


@pytest.mark.slow
def test_a_run_without_progress_ends_early_and_keeps_its_best(tmp_path, data):
    still = {
        "train.steps": "50",
        "train.evaluate_every": "2",
        "train.early_stopping_patience": "3",
        "train.optimizer.lr": "0",
    }
    still |= SELDOM | {"metrics": "l1"}
    result = trainer.fit(job(tmp_path / "run", {**still, "generator.norm": "none"}, dataset=data))
    assert result.step == 8  # the best at 2, then three that were no better
    assert best_of(tmp_path / "run")["value"] == result.scores.metrics["l1"]  # nothing moves: the end is as good


@pytest.mark.slow
def test_patience_goes_on_counting_after_a_stop(tmp_path, data):
    still = {
        "train.evaluate_every": "2",
        "train.early_stopping_patience": "3",
        "train.optimizer.lr": "0",
        "generator.norm": "none",
    }
    still |= SELDOM | {"metrics": "l1"}
    trainer.fit(job(tmp_path / "run", {**still, "train.steps": "5"}, dataset=data))
    assert trainer.fit(go_on(tmp_path / "run", {**still, "train.steps": "50"}, dataset=data)).step == 8


@pytest.mark.slow
def test_an_unknown_metric_is_refused_by_name(tmp_path, data):
    made = job(tmp_path / "run", {"train.best_metric": "pnsr"}, dataset=data)
    with pytest.raises(ConfigError, match=r"train\.best_metric: no metric 'pnsr' in this run; did you mean 'psnr'"):
        CheckpointSaver(made)
    assert best_metric_candidates(job(tmp_path / "other", dataset=data).metrics) == {"l1": False}


@pytest.mark.parametrize(("count", "seed"), [(25, 1), pytest.param(1000, 2, marks=pytest.mark.slow)])
def test_no_sequence_of_saves_crashes_and_clearing_up_leaves_nothing_whole(count, seed, tmp_path):
    rng = random.Random(seed)
    for number in range(count):
        folder, saved = tmp_path / f"run-{number}", False
        folder.mkdir()
        for step in range(1, rng.randrange(3, 12)):
            saved = one_event(folder, step, rng) or saved
            whole = [p for p in checkpoint_paths.newest_first(folder) if not atomic_io.faults(p)]
            assert whole or not saved, (seed, number, step)


def one_event(folder, step, rng):
    """A save that is cleared up after, or one that crashed; whether it was committed."""
    event = rng.choice(["save", "save", "crash", "half a folder", "stray"])
    place = folder / f"step-{step:06}"
    if event == "save":
        with atomic_io.staged_folder(place) as stage:
            atomic_io.write_file(stage / "model.safetensors", lambda path: path.write_bytes(b"x" * step))
        checkpoint_paths.prune(folder, keep=rng.choice([1, 2, 3]), milestone_every=rng.choice([None, Interval(4)]))
        return True
    if event == "half a folder":
        place.mkdir()
        (place / "model.safetensors").write_bytes(b"x")
    elif event == "crash":
        (folder / f".step-{step:06}.1.tmp").mkdir()
    else:
        (folder / "step-abc").mkdir(exist_ok=True)
    return False


@pytest.mark.slow
def test_a_metric_with_numbers_of_other_names_can_tell_the_best(tmp_path, data):
    """`train.best_metric` takes the metric's name or one of its numbers, and each number points its own way."""
    metrics = job(tmp_path / "run", {"metrics": '["ssim", "pixel-accuracy"]'}, dataset=data).metrics

    def of(best):
        return best_metric_candidates(metrics, best)

    assert of(None) == {"ssim": True, "ssim_same": True}
    assert of("pixel-accuracy") == {"rmse": False, "accuracy_5": True, "accuracy_10": True}
    assert of("accuracy_5") == {"accuracy_5": True}
    with pytest.raises(ConfigError, match="accuracy_5"):
        of("accuracy_6")


@pytest.mark.slow
@pytest.mark.parametrize("best", ["ssim", "ssim[window=7]"])
def test_a_metric_with_options_tells_the_best_by_the_name_that_an_evaluation_gives_it(tmp_path, data, best):
    chosen = {"metrics": '["l1", "ssim"]', "metrics.ssim.window": "7", "train.best_metric": best, "train.steps": "2"}
    made = job(tmp_path / "run", {**chosen, "train.evaluate_every": "1"}, dataset=data)
    assert list(trainer.fit(made).scores.metrics) == ["l1", "ssim[window=7]"]
    record, lines = (tmp_path / "run" / name for name in ("best.json", "metrics.jsonl"))
    rows = [row for row in map(json.loads, lines.read_text("utf-8").splitlines()) if "ssim[window=7]" in row]
    best_of_run = json.loads(record.read_text("utf-8"))
    highest = max(row["ssim[window=7]"] for row in rows)
    assert (best_of_run["metric"], best_of_run["value"]) == ("ssim[window=7]", highest)
    assert {row["step"] for row in rows} == {1, 2}
