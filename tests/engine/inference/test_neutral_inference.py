"""Inference adds no noise that a method did not ask for, and hands it all that a batch holds."""

from dataclasses import dataclass, replace

import pytest
import torch
from factories import job
from torch import nn

from imtrans.engine.build import Model
from imtrans.engine.evaluation.model_samples import predict
from imtrans.engine.inference.forward import inference_mode, translate
from imtrans.interfaces import Batch, Geometry


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """An inference policy that says nothing about dropout, as a diffusion method's."""

    steps: int = 4


class Dropped:
    """A method whose only layer is dropout, and which notes the extras that it is given."""

    geometry = Geometry(stride=8)

    def __init__(self) -> None:
        self.networks = {"generator": nn.Dropout(0.5)}
        self.extras = []

    def translate(self, source, *, extras=None, seed=None):
        self.extras.append(extras)
        return self.networks["generator"](source)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return job(tmp_path_factory.mktemp("neutral") / "run").model.config


def model(config):
    """The method on the CPU, its dropout in training mode."""
    method = Dropped()
    return Model(config=config, data_spec=None, method=method, networks=method.networks, device=torch.device("cpu"))


def test_a_policy_without_dropout_runs_without_it(config):
    neutral, source = model(replace(config, inference=Sampling())), torch.ones(1, 3, 8, 8)
    with inference_mode(neutral, seed=0):
        assert torch.equal(translate(neutral, source), source)
    assert neutral.networks["generator"].training


@pytest.mark.parametrize("dropout", [True, False])
def test_a_policy_with_dropout_decides(config, dropout):
    chosen = replace(config, inference=replace(config.inference, dropout=dropout))
    decided, source = model(chosen), torch.ones(1, 3, 8, 8)
    with inference_mode(decided, seed=0):
        assert torch.equal(translate(decided, source), source) is not dropout


def test_extras_of_a_batch_reach_the_method_padded_as_the_source_is(config):
    with_extras, source = model(config), torch.rand(1, 3, 7, 9)
    depth, thumbnail = torch.rand(1, 1, 7, 9), torch.rand(1, 3, 2, 2)
    batch = Batch(
        source=source,
        target=source,
        keys=["a"],
        draws=torch.zeros(1, dtype=torch.int64),
        extras={"depth": depth, "thumbnail": thumbnail},
    )
    assert predict(with_extras, batch).shape == source.shape
    [extras] = with_extras.method.extras
    assert extras["depth"].shape == (1, 1, 8, 16)
    assert torch.equal(extras["depth"][..., :7, :9], depth)
    assert torch.equal(extras["thumbnail"], thumbnail)
