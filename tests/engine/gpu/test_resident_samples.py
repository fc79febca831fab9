"""Samples that lie on a device are those of the cache; here the device is the CPU."""

import itertools

import pytest
import torch
from factories import job, pairs

from imtrans.engine.data.loader import loader
from imtrans.engine.gpu import resident_samples
from imtrans.engine.gpu.resident_samples import ResidentLoader
from imtrans.engine.training import trainer

CPU = torch.device("cpu")
SETTINGS = {"data.batch_size": "4", "train.steps": "12", "train.log_every": "1", "metrics": "l1", "data.cache": "on"}


@pytest.fixture
def data(tmp_path):
    return pairs(tmp_path / "pairs", train=10, val=1)


def train(folder, data, monkeypatch, used, **settings):
    with monkeypatch.context() as patched:
        patched.setattr(trainer, "speedups", lambda *_: used)
        made = job(folder, {**SETTINGS, **settings}, dataset=data)
        trainer.fit_recorded(made)
    return made.model.networks["generator"].state_dict()


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_training_from_the_device_has_the_bits_of_one_from_the_cache(workers, tmp_path, data, monkeypatch):
    taken, gather = [], resident_samples.ResidentSamples.take
    counted = lambda self, *given, **named: taken.append(1) or gather(self, *given, **named)  # noqa: E731
    monkeypatch.setattr(resident_samples.ResidentSamples, "take", counted)
    plain = train(tmp_path / "plain", data, monkeypatch, [])
    assert taken == []
    resident = train(tmp_path / "resident", data, monkeypatch, ["resident-samples"], **{"data.workers": workers})
    assert len(taken) == 12  # the run before has filled the cache
    assert all(torch.equal(value, resident[key]) for key, value in plain.items())


@pytest.mark.slow
def test_the_first_epoch_fills_the_cache_and_the_second_comes_from_the_device(tmp_path, data, monkeypatch):
    taken, gather = [], resident_samples.ResidentSamples.take
    counted = lambda self, *given, **named: taken.append(1) or gather(self, *given, **named)  # noqa: E731
    monkeypatch.setattr(resident_samples.ResidentSamples, "take", counted)
    train(tmp_path / "resident", data, monkeypatch, ["resident-samples"])
    assert len(taken) == 12 - 3


def test_what_does_not_fit_stays_in_the_cache_and_is_said_once(tmp_path, data, monkeypatch, capsys):
    made = job(tmp_path / "run", SETTINGS, dataset=data)
    order = trainer._prefetcher(made).order
    batches = [list(step.indices) for step in itertools.islice(order, 3)]
    from_cache = [*loader(made.training, iter(batches), workers=0)]  # an epoch, which fills the cache
    assert made.training.cache.is_whole
    monkeypatch.setattr(resident_samples, "_free", lambda device: 3)
    load = ResidentLoader(CPU)
    for _ in range(2):
        given = [*load(made.training, iter(batches), workers=0)]
        assert [batch.keys for batch in given] == [batch.keys for batch in from_cache]
    assert capsys.readouterr().err.count("Note: samples stay in the cache: 0.0 GB of samples, and 0.0 GB are free") == 1
