import json
import os
import signal

import pytest
import torch
from factories import job
from torch import nn

from imtrans import hookimpl
from imtrans.engine import device
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.optim import optimizer_step, optimizers
from imtrans.engine.training import trainer
from imtrans.errors import ConfigError, DivergedError, Interrupted
from imtrans.plugins.recipe import OptimizerOptions


class Killer:
    """An observer that sends this process a signal after a step."""

    def __init__(self, number, *, step):
        self.number, self.step = number, step

    @hookimpl
    def imtrans_logged(self, run, step, values):
        if step == self.step:
            os.kill(os.getpid(), self.number)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_after_the_step_and_leaves(number, code, tmp_path):
    made = job(tmp_path / "run", {"train.log_every": "1", "metrics": "[]"})
    made.observers._manager.register(Killer(number, step=3))
    handler = signal.getsignal(number)
    with pytest.raises(Interrupted, match=r"after step 3; checkpoint .*step-000003 is saved") as caught:
        trainer.fit(made)
    assert caught.value.exit_code == code
    assert checkpoint_paths.find(tmp_path / "run").name == "step-000003"
    assert signal.getsignal(number) is handler


STOPPER = """
import os, signal
from imtrans import hookimpl

@hookimpl
def imtrans_logged(run, step, values):
    os.kill(os.getpid(), signal.SIGINT)
"""


def test_an_interrupted_run_is_reported_by_the_command_line_and_in_run_json(cli, tmp_path):
    (tmp_path / "stopper.py").write_text(STOPPER)
    small = ["--set", "generator.depth=3", "--set", "generator.width=2", "--set", "data.size=16"]
    done = cli("-p", "stopper.py", "run", "pix2pix", "--steps", "5", "--set", "dataset.pairs=8", *small)
    assert done.code == 130
    assert "\nStopped by Ctrl-C after step 1" in done.err
    assert "Error" not in done.err
    assert "Traceback" not in done.err
    record = json.loads(next(tmp_path.glob("runs/pix2pix-toy-*/run.json")).read_text())
    assert record["status"] == "interrupted"


def test_divergence_names_the_loss_the_step_and_the_batch(tmp_path):
    made = job(tmp_path / "run", {"train.optimizer.lr": "1e30", "train.log_every": "1", "train.steps": "20"})
    with pytest.raises(DivergedError, match=r"not finite at step \d+ \(last batch: toy-\d, toy-\d\)") as caught:
        trainer.fit(made)
    assert caught.value.exit_code == 7
    assert "--lr" in caught.value.hint


def linear(value):
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, value)
    return layer


def updater(**layers):
    return optimizer_step.OptimizerStep.of(
        {name: torch.optim.SGD(layer.parameters(), lr=1.0) for name, layer in layers.items()}
    )


def test_one_call_takes_all_gradients_before_any_step():
    """a * b for both: at once, each moves by the other's old value; in two calls, the second by the first's new one."""
    for at_once, wanted in ((True, (-1.0, 1.0)), (False, (-1.0, 4.0))):
        a, b = linear(2.0), linear(3.0)
        update = updater(a=a, b=b)
        if at_once:
            product = a.weight.sum() * b.weight.sum()
            update({"a": product, "b": product})
        else:
            update({"a": a.weight.sum() * b.weight.sum()})
            update({"b": a.weight.sum() * b.weight.sum()})
        assert (a.weight.item(), b.weight.item()) == wanted


def test_only_the_groups_own_parameters_get_a_gradient():
    a, b = linear(2.0), linear(3.0)
    updater(a=a, b=b)({"a": a.weight.sum() * b.weight.sum()})
    assert b.weight.grad is None
    assert b.weight.item() == 3


def test_a_loss_without_gradients_moves_nothing():
    a = linear(2.0)
    updater(a=a)({"a": torch.zeros(())})
    assert a.weight.item() == 2


def test_a_group_may_be_updated_several_times_in_a_step():
    a = linear(2.0)
    update = updater(a=a)
    for _ in range(3):
        update({"a": a.weight.sum()})
    assert a.weight.item() == -1


@pytest.mark.parametrize("name", ["adam", "adamw", "lion"])
def test_optimisers_come_by_name(name):
    made = optimizers.create_optimizer(
        [nn.Parameter(torch.ones(1))], OptimizerOptions(name=name, betas=(0.9, 0.99), lr=0.5)
    )
    assert type(made).__name__.lower() == name
    assert made.param_groups[0]["lr"] == 0.5
    assert tuple(made.param_groups[0]["betas"]) == (0.9, 0.99)


def test_an_optimiser_that_nobody_knows_is_refused_by_name():
    with pytest.raises(ConfigError, match="no optimiser 'adma'; did you mean 'adam"):
        optimizers.create_optimizer([nn.Parameter(torch.ones(1))], OptimizerOptions(name="adma"))


def test_an_optimiser_gets_what_it_has_a_use_for():
    made = optimizers.create_optimizer(
        [nn.Parameter(torch.ones(1))], OptimizerOptions(name="sgd", lr=0.5, weight_decay=0.1)
    )
    assert "betas" not in made.param_groups[0]
    assert made.param_groups[0]["weight_decay"] == 0.1


def test_betas_are_two():
    with pytest.raises(ConfigError, match="must be two numbers"):
        optimizers.create_optimizer([nn.Parameter(torch.ones(1))], OptimizerOptions(betas=(0.5,)))


def test_epochs_and_steps_give_the_length(tmp_path):
    made = job(tmp_path / "run", {"train.steps": "", "train.epochs": "3", "dataset.pairs": "5"})
    assert made.run.steps == 3 * 3


def test_a_size_that_the_network_cannot_take_is_refused_before_training(tmp_path):
    with pytest.raises(ConfigError, match=r"data.size \[30\]\*?.*takes multiples of 8|multiples of 8") as caught:
        job(tmp_path / "run", {"data.size": "30"})
    assert "data.size=24 or 32" in caught.value.hint
    assert not (tmp_path / "run").exists()


def test_the_processor_is_always_there():
    assert device.available()[0] == "cpu"
    assert device.choose("cpu") == torch.device("cpu")
    assert str(device.choose("auto")).split(":")[0] in ("cpu", "cuda", "mps")
