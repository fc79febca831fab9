"""NaN never reaches the weights: a step is left out, a run goes back, or it ends with 7."""

import json
import math
import random

import pytest
import torch
from factories import job, pairs
from safetensors.torch import load_file

from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.training import nonfinite, trainer
from imtrans.errors import DivergedError

RUN = {
    "train.steps": "12",
    "train.save_every": "3",
    "train.log_every": "1",
    "metrics": "[]",
    "train.sample_every": "99",
}
WHERE = ("input", "generator loss", "discriminator loss", "gradient", "weight", "buffer")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return pairs(tmp_path_factory.mktemp("data") / "pairs", train=4, val=1)


class Poison:
    """Puts NaN somewhere into a run at some steps; `times` limits how often."""

    def __init__(self, made, where, steps, *, times=10**9):
        self.method, self.where, self.steps, self.left = made.model.method, where, set(steps), times
        self.train_step, self.generator = self.method.train_step, made.model.networks["generator"]
        self.method.train_step = self

    def __call__(self, batch, update, *, step):
        is_due = step in self.steps and self.left > 0
        self.left -= is_due
        given = self.poisoned(update) if is_due and "loss" in self.where else update
        if is_due and self.where == "input":
            batch.source.fill_(math.nan)
        if is_due and self.where in ("weight", "buffer"):
            self.tensor().fill_(math.nan)
        handle = None
        if is_due and self.where == "gradient":
            handle = next(self.generator.parameters()).register_hook(lambda g: g * math.nan)
        logged = self.train_step(batch, given, step=step)
        if handle:
            handle.remove()
        return logged

    def tensor(self):
        found = self.generator.parameters() if self.where == "weight" else self.generator.buffers()
        return next(t for t in found if t.is_floating_point()).data

    def poisoned(self, update):
        """Added, not multiplied: the loss is NaN and its gradient is not."""
        name = self.where.removesuffix(" loss")
        return lambda losses: update({k: v + math.nan if k == name else v for k, v in losses.items()})


def trained(folder, data, where, steps, *, times=10**9, **more):
    made = job(folder, {**RUN, **more}, dataset=data)
    Poison(made, where, steps, times=times)
    return made, trainer.fit(made)


def assert_finite(folder):
    """No checkpoint of a run holds anything that is not a number."""
    found = checkpoint_paths.newest_first(folder)
    for path in (file for place in found for file in place.glob("*.safetensors")):
        for name, tensor in load_file(path).items():
            assert not tensor.is_floating_point() or tensor.isfinite().all(), (path, name)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("where", ["input", "generator loss", "discriminator loss", "gradient"])
def test_a_step_that_is_not_finite_is_left_out_and_said(where, tmp_path, data, capsys):
    norm = {"generator.norm": "none", "discriminator.norm": "none"}  # NaN would stay in the running means
    _, result = trained(tmp_path / "run", data, where, [6], **norm)
    assert result.step == 12
    assert_finite(tmp_path / "run")
    assert "is not finite at step 7; the step is left out" in capsys.readouterr().err
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert {line["health.skipped"] for line in lines if line["step"] > 7} == {1.0}


def test_a_step_left_out_changes_no_weight(tmp_path, data):
    norm = {"generator.norm": "none", "discriminator.norm": "none", "train.steps": "1"}
    made = job(tmp_path / "run", {**RUN, **norm}, dataset=data)
    before = {k: v.clone() for k, v in made.model.networks["generator"].state_dict().items()}
    Poison(made, "gradient", [0])
    trainer.fit(made)
    assert all(v.equal(before[k]) for k, v in made.model.networks["generator"].state_dict().items())


@pytest.mark.slow
def test_after_five_in_a_row_the_run_goes_back_to_its_checkpoint(tmp_path, data, capsys):
    norm = {"generator.norm": "none", "discriminator.norm": "none"}
    made, result = trained(tmp_path / "run", data, "gradient", range(4, 12), times=5, **norm)
    assert result.step == 12
    assert made.progress.rollbacks == 1
    assert f"back to {tmp_path / 'run' / 'step-000003'}" in capsys.readouterr().err
    steps = [json.loads(line)["step"] for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert steps == list(range(1, 13))
    assert (tmp_path / "run" / "metrics.discarded.jsonl").exists()


@pytest.mark.slow
def test_what_stays_bad_ends_with_7_after_three_returns_and_names_the_files(tmp_path, data):
    with pytest.raises(
        DivergedError, match=r"generator not finite at step 11, for the 4th time \(last batch: .*png"
    ) as caught:
        trained(tmp_path / "run", data, "gradient", range(6, 99), **{"train.steps": "20"})
    assert caught.value.exit_code == 7
    assert "--lr" in caught.value.hint
    assert_finite(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("where", ["weight", "buffer"])
def test_nothing_that_is_not_finite_is_saved(where, tmp_path, data, capsys):
    _, result = trained(tmp_path / "run", data, where, [7], times=1)
    assert result.step == 12
    assert_finite(tmp_path / "run")
    assert "back to" in capsys.readouterr().err


def test_without_a_checkpoint_there_is_nothing_to_go_back_to(tmp_path, data):
    with pytest.raises(DivergedError, match=r"(generator and discriminator|discriminator and generator) not finite"):
        trained(tmp_path / "run", data, "weight", [0], times=1, **{"train.save_every": "99"})


@pytest.mark.slow
def test_nan_at_a_hundred_random_places_never_reaches_a_checkpoint(tmp_path, data):
    rng, recovered = random.Random(18), 0
    for number in range(100):
        where, step = rng.choice(WHERE), rng.randrange(12)
        folder = tmp_path / f"run-{number}"
        try:
            _, result = trained(folder, data, where, [step], times=1)
            recovered += result.step == 12
        except DivergedError:
            assert step < 3, (where, step)  # before the first checkpoint
        assert_finite(folder)
    assert recovered > 70


def test_on_a_gpu_the_host_looks_every_few_steps_only():
    """The device's flags wait until they are read together: here, flags that pretend to be on one."""
    update = type("U", (), {"faults": [], "scale": lambda self: 1.0})()
    watch = nonfinite.NonFiniteGuard(update=update, every=4)
    flags = [torch.tensor(False), torch.tensor(True)]
    watch._pending = [(s, [], ["generator"], f[None]) for s, f in enumerate(flags, 1)]
    watch.read()
    assert (watch.skipped, watch._pending) == (1, [])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_optimiser_itself_leaves_a_bad_step_out(tmp_path, data):
    made, result = trained(
        tmp_path / "run", data, "gradient", [6], **{"generator.norm": "none", "train.device": "cuda"}
    )
    assert result.step == 12
    assert made.progress.rollbacks == 0
    assert_finite(tmp_path / "run")
