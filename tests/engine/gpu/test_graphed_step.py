"""A recorded step trains as the step itself.

No GPU is needed: what torch records is played again on the CPU by a stand-in of torch's graph, which, as that one does,
changes nothing while it records and writes into the same tensors each time. What a GPU does is not tested here.
"""

import copy

import pytest
import torch
from factories import job, pairs
from torch.utils._python_dispatch import TorchDispatchMode

from imtrans.engine.checkpoints import state
from imtrans.engine.gpu.graphed_step import WARM_UP, GraphedStep
from imtrans.engine.training import trainer
from imtrans.engine.training.job import TrainingJob
from imtrans.engine.training.train_step import TrainStep, obstacle

SETTINGS = {
    "data.batch_size": "4",
    "train.steps": "12",
    "train.log_every": "1",
    "train.sample_every": "99",
    "train.schedule": "linear",
    "metrics": "l1",
    "generator.dropout": "0",
}


class PlayedAgain:
    """What torch's graph does, on the CPU."""

    def __init__(self, made: TrainingJob) -> None:
        self.job, self.replays = made, 0

    def warm_up(self, work):
        return work()

    def record(self, work):
        before = self._state()
        self.work, self.values = work, dict(work())
        self.norms, self.faults = dict(self.job.update.norms), list(self.job.update.faults)
        self._restore(before)
        return self.values

    def replay(self):
        self.replays += 1
        count = len(self.job.update.faults)
        values, faults = self.work(), self.job.update.faults[count:]
        del self.job.update.faults[count:]
        for kept, given in ((self.values, values), (self.norms, self.job.update.norms)):
            for name, value in given.items():
                kept[name].copy_(value)
        for (_, kept), (_, given) in zip(self.faults[-len(faults) :], faults, strict=True):
            kept.copy_(given)

    def _state(self):
        model = self.job.model
        optimizers = [copy.deepcopy(g.optimizer.state_dict()["state"]) for g in self.job.update.groups.values()]
        networks = {n: copy.deepcopy(network.state_dict()) for n, network in model.networks.items()}
        return networks, optimizers, state.rng_state(model.device)

    def _restore(self, before):
        networks, optimizers, random = before
        for name, saved in networks.items():
            self.job.model.networks[name].load_state_dict(saved)
        for group, saved in zip(self.job.update.groups.values(), optimizers, strict=True):
            for parameter, values in zip(group.parameters, saved.values(), strict=True):
                for key, value in values.items():
                    group.optimizer.state[parameter][key].copy_(value)
        state.restore_rng_state(random, self.job.model.device)


class Refused(PlayedAgain):
    def record(self, work):
        super().record(work)
        raise RuntimeError("operation not permitted when stream is capturing\nand more")


@pytest.fixture
def data(tmp_path):
    return pairs(tmp_path / "pairs", train=10, val=1)  # 4, 4 and 2 in an epoch


def train(folder, data, monkeypatch, graph=None, **settings):
    """The job that was trained, and its graphs."""
    made, graphs = job(folder, {**SETTINGS, **settings}, dataset=data), []

    def new_graph():
        graphs.append(graph(made))
        return graphs[-1]

    with monkeypatch.context() as patched:
        if graph:
            recorded = lambda step: GraphedStep(step._eager, made.update, new_graph)  # noqa: E731
            patched.setattr("imtrans.engine.training.train_step.speedups", lambda *_: ["cuda-graph"])
            patched.setattr(TrainStep, "_graphed", recorded)
        trainer.fit_recorded(made)
    return made, graphs


def assert_equal(one, other):
    for name, network in one.model.networks.items():
        for key, value in network.state_dict().items():
            torch.testing.assert_close(other.model.networks[name].state_dict()[key], value, rtol=1e-4, atol=1e-6)
    logs = [(made.run.folder / "metrics.jsonl").read_text().count("\n") for made in (one, other)]
    assert logs[0] == logs[1]


@pytest.mark.slow
def test_a_recorded_step_trains_as_the_step_itself(tmp_path, data, monkeypatch):
    plain, _ = train(tmp_path / "plain", data, monkeypatch)
    made, (graph,) = train(tmp_path / "graph", data, monkeypatch, PlayedAgain)
    assert graph.replays == 8 - WARM_UP  # of four epochs of two batches of 4; those of 2 are run as they are
    assert_equal(plain, made)
    rates = [settings["lr"] for g in made.update.groups.values() for settings in g.optimizer.param_groups]
    assert all(isinstance(rate, torch.Tensor) for rate in rates)
    saved = state.shared_state(made.model, made.update)["groups"]["generator"]["optimizer"]["param_groups"][0]
    assert type(saved["lr"]) is float
    assert saved["capturable"] is False


@pytest.mark.slow
def test_what_cannot_be_recorded_is_run_as_it_is_and_said_once(tmp_path, data, monkeypatch, capsys):
    plain, _ = train(tmp_path / "plain", data, monkeypatch)
    made, graphs = train(tmp_path / "graph", data, monkeypatch, Refused)
    assert [graph.replays for graph in graphs] == [0]
    assert_equal(plain, made)
    note = "Note: the step is not recorded as a CUDA graph: operation not permitted when stream is capturing\n"
    assert capsys.readouterr().err.count(note) == 1


@pytest.mark.slow
def test_a_checkpoint_that_is_loaded_is_not_trained_by_the_recording_of_before(tmp_path, data):
    made, graphs = job(tmp_path / "run", SETTINGS, dataset=data), []

    def new_graph():
        graphs.append(PlayedAgain(made))
        return graphs[-1]

    step = TrainStep(made, trainer.LossMeter(made.progress, made.world))
    step._run = GraphedStep(step._eager, made.update, new_graph)
    batches = iter(trainer._prefetcher(made))
    steps = [pair for pair in (next(batches) for _ in range(12)) if len(pair[1][0].keys) == 4]
    for each in steps[:5]:
        step(*each)
    assert [graph.replays for graph in graphs] == [5 - WARM_UP]
    saved = copy.deepcopy(state.shared_state(made.model, made.update))
    state.restore_shared_state(made.model, made.update, saved)
    for each in steps[:5]:
        step(*each)
    assert [graph.replays for graph in graphs] == [5 - WARM_UP] * 2


@pytest.mark.slow
def test_a_step_of_pix2pix_looks_at_no_value_but_where_the_cpu_leaves_out_a_bad_gradient(tmp_path, data):
    class Looks(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.count += func.overloadpacket in (torch.ops.aten._local_scalar_dense, torch.ops.aten.nonzero)
            return func(*args, **(kwargs or {}))

    made = job(tmp_path / "run", SETTINGS, dataset=data)
    step = TrainStep(made, trainer.LossMeter(made.progress, made.world))
    samples, stored = next(iter(trainer._prefetcher(made)))
    step(samples, stored)
    batch = step_batch(made, stored[0])
    made.update.begin(1)
    with Looks() as looks:
        step._eager(batch)
    assert looks.count == len(made.update.groups) == 2


def step_batch(made, stored):
    from imtrans.engine.data.loader import prepare

    return prepare(stored, made.model.data_spec, made.model.device, made.augment)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, ""),
        ({"discriminator_augmentation": "diffaugment"}, "method 'conditional-gan' looks at values"),
        ({"penalty": "r1"}, "method 'conditional-gan' looks at values"),
        ({"train.speedups": "background-save", "train.optimizer.name": "sgd"}, "the optimizer of "),
        ({"train.grad_accum_steps": "2"}, "batches come in parts"),
    ],
)
def test_what_stands_in_the_way_of_a_recording_is_named(settings, why, tmp_path, data):
    told = obstacle(job(tmp_path / "run", {**SETTINGS, **settings}, dataset=data))
    assert told.startswith(why)
    assert bool(told) == bool(why)
