"""The log of a run and the protocol "own" give the same numbers: one evaluator computes both."""

import json

import pytest
import torch
from factories import job, pairs, plugins

from imtrans.engine import build
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.evaluation import scoring
from imtrans.engine.evaluation.metric_rows import MetricRows, interleave, worst_first
from imtrans.engine.evaluation.model_samples import batches, predict
from imtrans.engine.evaluation.protocol import run_protocol
from imtrans.engine.evaluation.run_evaluation import evaluate_run
from imtrans.engine.training.trainer import fit
from imtrans.plugins.catalog import Catalog

SETTINGS = {"metrics": '["l1", "psnr"]', "train.steps": "2", "train.device": "cpu"}


@pytest.fixture(scope="module")
def top(tmp_path_factory):
    return tmp_path_factory.mktemp("one-evaluator")


@pytest.fixture(scope="module")
def trained(top):
    training = job(top / "run", SETTINGS, dataset=pairs(top / "pairs", val=3))
    return training, fit(training).scores


@pytest.fixture(scope="module")
def evaluation(trained, top):
    catalog, checkpoint = Catalog(plugins().records), checkpoint_paths.newest(top / "run")
    model = checkpoints_io.load(
        checkpoint, catalog=catalog, factory=build.ComponentFactory(catalog), device=torch.device("cpu")
    )
    protocol = run_protocol(model, catalog)
    return evaluate_run(model, checkpoint, protocol, catalog=catalog, base=top / "evaluation").evaluation


@pytest.mark.slow
@pytest.mark.parametrize("name", ["l1", "psnr"])
def test_the_log_and_the_protocol_own_give_the_same_number(trained, evaluation, top, name):
    lines = [json.loads(line) for line in (top / "run" / "metrics.jsonl").read_text("utf-8").splitlines()]
    [logged] = [line[name] for line in lines if name in line]
    assert logged == evaluation.numbers[name].value == trained[1].metrics[name]


@pytest.mark.parametrize("name", ["l1", "psnr"])
def test_the_baselines_are_the_same_number(trained, evaluation, name):
    assert trained[1].baseline[name] == evaluation.numbers[name].baseline


def test_the_worst_sample_and_its_score_are_the_same(trained, evaluation):
    training, scores = trained
    assert list(scores.worst) == list(evaluation.worst)
    shown = scoring.samples(training.model, training.validation, 3, metrics=training.metrics)
    assert [s.scores["l1"] for s in shown] == evaluation.pictures["l1"]


def test_l1_is_that_of_values_rounded_as_stored(trained):
    """By hand: predictions and targets as 8-bit numbers, one of which is 2 / 255 in [-1, 1]."""
    training, scores = trained
    errors = []
    for batch in batches(training.model, training.validation, range(3)):
        stored = [((x + 1) * 127.5).round().clamp(0, 255) for x in (predict(training.model, batch), batch.target)]
        errors.append(float((stored[0] - stored[1]).abs().mean()) * 2 / 255)
    assert scores.metrics["l1"] == pytest.approx(sum(errors) / 3, rel=1e-5)


def test_rows_of_several_processes_come_in_the_order_of_the_samples():
    shares = [{"l1": MetricRows(prediction=[torch.tensor([i]) for i in indices])} for indices in ([0, 3], [1, 4], [2])]
    assert torch.cat(interleave(shares)["l1"].prediction).tolist() == [0, 1, 2, 3, 4]


def test_the_worst_come_first_and_samples_without_a_value_before_them():
    values = [3.0, float("nan"), 1.0, 2.0]
    assert worst_first(values, higher_is_better=True) == [1, 2, 3, 0]
    assert worst_first(values, higher_is_better=False) == [1, 0, 3, 2]
