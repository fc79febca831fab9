"""The parts of the training loop, each by itself."""

import signal
from types import SimpleNamespace

import pytest
import torch
from factories import job, pairs
from torch import nn

from imtrans.engine.distributed import ProcessGroup
from imtrans.engine.training import trainer
from imtrans.engine.training.checkpoint_saver import CheckpointSaver
from imtrans.engine.training.job import remaining_samples
from imtrans.engine.training.meters import LossMeter
from imtrans.engine.training.nonfinite import NonFiniteError, NonFiniteGuard
from imtrans.engine.training.rollback import roll_back
from imtrans.engine.training.signal_handlers import SignalFlags, StopRequests
from imtrans.engine.training.train_step import TrainStep
from imtrans.engine.training.validation_loop import ValidationLoop
from imtrans.errors import DivergedError, PluginError
from imtrans.interfaces import DiscriminatorOutput
from imtrans.kit.loss_terms import AdversarialTerms, Terms, Weighted


@pytest.fixture
def data(tmp_path):
    return pairs(tmp_path / "pairs")


def test_requests_are_heard_once_and_a_stop_stays():
    flags = SignalFlags()
    requests = StopRequests(flags, ProcessGroup())
    requests.listen()
    assert (requests.stop, requests.wants_save) == (0, False)
    flags.wants_save = True
    requests.listen()
    assert (requests.stop, requests.wants_save) == (0, True)
    flags.stop = signal.SIGTERM
    requests.listen()
    assert (requests.stop, requests.wants_save) == (signal.SIGTERM, False)


def taken(made, count):
    """So many steps of a job, without the loop."""
    step = TrainStep(made, LossMeter(made.progress, made.world))
    from imtrans.engine.data.prefetch import Prefetcher

    order = remaining_samples(made.model.config, len(made.training.source.dataset), made.progress)
    batches = Prefetcher(loading=made.training, order=order, workers=0)
    for _, (samples, host_batches) in zip(range(count), batches, strict=False):
        step(samples, host_batches)
    return step


def test_a_step_trains_and_counts(tmp_path, data):
    made = job(tmp_path / "run", {"metrics": "[]"}, dataset=data)
    before = [p.clone() for p in made.model.networks["generator"].parameters()]
    taken(made, 2)
    assert (made.progress.step, made.progress.since) == (2, 4.0)
    after = made.model.networks["generator"].parameters()
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_batch_that_would_fit_is_found_by_trying(tmp_path, data):
    made = job(tmp_path / "run", {"metrics": "[]", "data.batch_size": "4"}, dataset=data)
    step, train_step = taken(made, 1), made.model.method.train_step

    def hungry(batch, update, *, step):
        if len(batch.keys) > 1:
            raise MemoryError
        return train_step(batch, update, step=step)

    made.model.method.train_step = hungry
    assert step.largest_fitting_batch() == 1


def test_an_evaluation_asks_after_every_picture_and_draws_no_number_of_training(tmp_path, data):
    made = job(tmp_path / "run", {"metrics": "l1"}, dataset=data)
    asked = []
    loop = ValidationLoop(made, between=lambda: asked.append(1))
    before = torch.get_rng_state()
    scores = loop.evaluate()
    assert torch.equal(torch.get_rng_state(), before)
    assert len(asked) == scores.count == len(made.validation.source.dataset)


def test_the_last_evaluation_looks_at_no_more_training_pictures_than_were_trained_on(tmp_path, data):
    """Beside 8 steps of 256 px it took 3 s to measure 32 of them."""
    made = job(tmp_path / "run", {"metrics": "l1", "data.batch_size": "1"}, dataset=data)
    counts, translate = [], made.model.method.translate

    def counted(*given, **options):
        counts[-1] += 1
        return translate(*given, **options)

    made.model.method.translate = counted
    loop = ValidationLoop(made, between=lambda: None)
    for step in (2, 5, 100):
        made.progress.step = step
        counts.append(0)
        loop.evaluate(is_last=True)
    assert [count - counts[0] for count in counts] == [0, 3, 5], "of the seven"


def test_going_back_restores_the_weights_and_draws_other_noise(tmp_path, data):
    made = job(tmp_path / "run", {"metrics": "[]", "train.steps": "2"}, dataset=data)
    result = trainer.fit(made)
    wanted = {k: v.clone() for k, v in made.model.networks["generator"].state_dict().items()}
    with torch.no_grad():
        for parameter in made.model.networks["generator"].parameters():
            parameter.fill_(torch.nan)
    guard, saver = NonFiniteGuard(update=made.update, every=1, skipped=4), CheckpointSaver(made)
    fresh = roll_back(made, NonFiniteError("the loss", 3, []), guard=guard, saver=saver)
    assert (fresh.skipped, made.progress.rollbacks, saver.last) == (4, 1, result.checkpoint)
    assert all(torch.equal(v, wanted[k]) for k, v in made.model.networks["generator"].state_dict().items())
    made.progress.rollbacks = 3
    with pytest.raises(DivergedError, match="training diverged: the loss not finite at step 3, for the 4th time"):
        roll_back(made, NonFiniteError("the loss", 3, []), guard=guard, saver=saver)


def test_an_update_of_an_unknown_group_names_the_nearest(tmp_path, data):
    made = job(tmp_path / "run", {"metrics": "[]"}, dataset=data)
    weight = next(made.model.networks["generator"].parameters())
    with pytest.raises(
        PluginError, match="updates 'genrator', and there is no such optimizer group; did you mean 'gen"
    ):
        made.update({"genrator": weight.sum()})


def test_a_loss_without_gradient_is_refused_unless_it_rests(tmp_path, data):
    made = job(tmp_path / "run", {"metrics": "[]"}, dataset=data)
    with pytest.raises(PluginError, match="optimizer group 'generator' has no gradient: it trains nothing"):
        made.update({"generator": torch.tensor(0.5)})
    made.update({"generator": torch.tensor(0.0)})  # a term that rests in this step


STEPS = {
    "does nothing": lambda method, batch, update: {},
    "by hand": lambda method, batch, update: method.generator(batch.source).mean().backward() or {},
    "rests": lambda method, batch, update: update({"generator": torch.zeros(())}) or {},
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_trains_nothing_ends_the_run(tmp_path, data, monkeypatch, step):
    made = job(tmp_path / "run", {"metrics": "[]", "train.steps": "2"}, dataset=data)
    method = made.model.method
    monkeypatch.setattr(method, "train_step", lambda batch, update, *, step, do=STEPS[step]: do(method, batch, update))
    with pytest.raises(PluginError, match=r"'conditional-gan' has updated none of its optimizer groups") as caught:
        trainer.fit(made)
    assert "update({group: loss})" in caught.value.hint
    assert made.progress.step == 0


def test_a_term_without_gradient_is_named():
    image = torch.zeros(1, 3, 4, 4, requires_grad=True)
    detached = Terms(
        [Weighted(2.0, lambda prediction, target: (prediction - target).detach().abs().mean(), "loss 'mine'")]
    )
    with pytest.raises(PluginError, match="loss 'mine' has no gradient"):
        detached(image, torch.ones(1, 3, 4, 4))
    assert detached(image.detach(), torch.ones(1, 3, 4, 4)) == 2  # nothing is trained here
    output = DiscriminatorOutput([torch.zeros(1, 1, 2, 2, requires_grad=True)])
    lost = SimpleNamespace(generator_loss=lambda on_fake, on_real: torch.ones(()))
    with pytest.raises(PluginError, match="adversarial 'lost' has no gradient"):
        AdversarialTerms([Weighted(1.0, lost, "adversarial 'lost'")]).generator_loss(output)


def test_a_network_that_no_optimizer_would_train_is_refused(tmp_path, data):
    from imtrans.engine.optim.parameter_groups import parameter_groups

    model = job(tmp_path / "run", {"metrics": "[]"}, dataset=data).model
    networks = {**model.networks, "discriminater": nn.Linear(1, 1)}
    model.networks = networks
    with pytest.raises(PluginError, match="network 'discriminater' is none of its slots; did you mean 'discriminator'"):
        parameter_groups(model)
    model.networks = {**networks, "discriminator": nn.Identity()}
    del model.networks["discriminater"]
    with pytest.raises(PluginError, match="group 'discriminator' has no trainable parameters"):
        parameter_groups(model)
