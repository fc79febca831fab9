"""A run that was stopped and goes on is, bit for bit, the run that was not."""

import json
import os
import signal

import pytest
from factories import fitting, go_on, job, pairs, plugins

from imtrans import hookimpl
from imtrans.atomic_io import digest
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.training import trainer
from imtrans.errors import Interrupted
from imtrans.plugins.catalog import Catalog

# 7 pairs in batches of 2: 4 steps an epoch, the last with one picture; saved every 3 steps, 9 in all.
MOMENTS = {"0": 0, "1": 1, "before a save": 2, "at a save": 3, "end of an epoch": 4, "first of the next": 5, "8": 8}
RUN = {
    "train.steps": "9",
    "train.save_every": "3",
    "train.log_every": "2",
    "train.evaluate_every": "4",
    "train.keep_last": "9",
    "train.sample_every": "7",
    "inference.dropout": "true",
    "metrics": "l1",
}


class Stopper:
    """An observer that has this process stopped once so many steps are done."""

    def __init__(self, step):
        self.step = step

    @hookimpl
    def imtrans_run_started(self, run):
        if self.step == 0:
            os.kill(os.getpid(), signal.SIGTERM)

    @hookimpl
    def imtrans_logged(self, run, step, values):
        if self.step == step:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return pairs(tmp_path_factory.mktemp("data") / "pairs")


def stopped(folder, settings, data, *, step, recipe="pix2pix"):
    """A run that was stopped after `step` steps; for that to be seen, it logs at every step."""
    every = {**settings, "train.log_every": "1"} if step % 2 else settings
    made = job(folder, every, dataset=data, recipe=recipe)
    made.observers._manager.register(Stopper(step))
    with pytest.raises(Interrupted):
        trainer.fit(made)
    assert checkpoint_paths.newest(folder).name == f"step-{step:06}"


def told(folder):
    """What the run logged, but for what the clock decides."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("time", "health.waiting")} for line in lines]


def states(folder, step):
    """The hashes of all state after a step; the weights' file tells of the configuration, too, the state file not."""
    place = folder / f"step-{step:06}"
    return {p.name: digest(p) for p in place.iterdir() if p.name != "MANIFEST.json"}


def compare(tmp_path, settings, data, *, step):
    trainer.fit(job(tmp_path / "straight", settings, dataset=data))
    stopped(tmp_path / "stopped", settings, data, step=step)
    trainer.fit(go_on(tmp_path / "stopped", settings, dataset=data))
    assert states(tmp_path / "stopped", 9) == states(tmp_path / "straight", 9)
    return tmp_path / "straight", tmp_path / "stopped"


@pytest.mark.parametrize("moment", ["before a save"])  # the slow test takes all
def test_a_resumed_run_equals_an_uninterrupted_one(moment, tmp_path, data):
    straight, resumed = compare(tmp_path, RUN, data, step=MOMENTS[moment])
    assert told(resumed) == told(straight)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [{"data.workers": "2"}, {"train.precision": "bf16"}, {"train.ema": "0.9"}, {"train.optimizer.name": "lion"}],
    ids=str,
)
def test_it_does_so_with_loading_processes_half_precision_and_averages(settings, tmp_path, data):
    compare(tmp_path, {**RUN, **settings}, data, step=5)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_every_moment_with_every_setting(moment, workers, precision, tmp_path, data):
    settings = {**RUN, "data.workers": workers, "train.precision": precision}
    straight, resumed = compare(tmp_path, settings, data, step=MOMENTS[moment])
    if MOMENTS[moment] % 2 == 0:  # else it was logged more often until it was stopped
        assert told(resumed) == told(straight)


OTHERS = [o.name for o in Catalog(plugins().records).entries("recipe") if o.name != "pix2pix"]


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize("recipe", OTHERS)
def test_every_recipe_goes_on_exactly_from_every_moment(recipe, workers, precision, tmp_path):
    own = {**RUN, **fitting(recipe), "data.workers": workers, "train.precision": precision}
    data = pairs(tmp_path / "pairs", size=int(own.get("data.size", "32")))
    trainer.fit(job(tmp_path / "straight", own, dataset=data, recipe=recipe))
    wanted = states(tmp_path / "straight", 9)
    for moment, step in MOMENTS.items():
        stopped(tmp_path / moment, own, data, step=step, recipe=recipe)
        trainer.fit(go_on(tmp_path / moment, own, dataset=data, recipe=recipe))
        assert states(tmp_path / moment, 9) == wanted, moment


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["linear", "inverse-time"])
def test_schedules_and_accumulation_go_on_where_they_were(schedule, tmp_path, data):
    more = {
        "train.schedule": schedule,
        "train.warmup": "2",
        "train.grad_accum_steps": "2",
        "train.clip_grad_norm": "1.0",
    }
    compare(tmp_path, {**RUN, **more}, data, step=4)


@pytest.mark.slow
def test_the_number_of_loading_processes_may_change(tmp_path, data):
    trainer.fit(job(tmp_path / "straight", RUN, dataset=data))
    stopped(tmp_path / "stopped", RUN, data, step=4)
    trainer.fit(go_on(tmp_path / "stopped", {**RUN, "data.workers": "2"}, dataset=data))
    mine, other = states(tmp_path / "stopped", 9), states(tmp_path / "straight", 9)
    assert {**mine, "model.safetensors": ""} == {**other, "model.safetensors": ""}


@pytest.mark.slow
def test_looking_and_saving_more_often_changes_no_weight(tmp_path, data):
    trainer.fit(job(tmp_path / "often", RUN, dataset=data))
    rarely = {"train.save_every": "100", "train.log_every": "100", "train.evaluate_every": "none"}
    trainer.fit(job(tmp_path / "rarely", {**RUN, **rarely}, dataset=data))
    names = ("optimizer.safetensors", "rank-000.safetensors")
    often, other = (states(tmp_path / name, 9) for name in ("often", "rarely"))
    assert [often[n] for n in names] == [other[n] for n in names]
