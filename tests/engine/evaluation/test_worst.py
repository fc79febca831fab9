"""The pictures that observers are shown, each with its own scores, and the worst of all."""

from dataclasses import replace

import pytest
import torch
from factories import job, pairs

from imtrans.engine.evaluation import scoring
from imtrans.engine.evaluation.bound_metrics import BoundMetric
from imtrans.engine.evaluation.eval_samples import rounded
from imtrans.engine.evaluation.model_samples import batches, predict
from imtrans.plugins.component import MetricInfo


class Histogram:
    """A metric that gives several numbers a picture, and says one of them all."""

    def compute(self, prediction, batch):
        return torch.ones(len(prediction), 4)

    def aggregate(self, rows):
        return {"histogram": float(rows.mean())}


@pytest.fixture(scope="module", params=["psnr", "l1"])
def made(request, tmp_path_factory):
    top = tmp_path_factory.mktemp("worst")
    return job(top / "run", {"metrics": f'["{request.param}"]'}, dataset=pairs(top / "pairs", val=12))


def own(made):
    """The first metric of every validation picture, measured one by one."""
    [bound] = made.metrics
    name, metric = bound.name, bound.metric
    spec, values = made.model.data_spec.target, []
    for batch in batches(made.model, made.validation, range(12)):
        values.append(float(metric.compute(rounded(predict(made.model, batch), spec), batch)))
    return name, values


@pytest.mark.slow
def test_the_worst_pictures_are_those_and_in_that_order(made):
    name, values = own(made)
    order = sorted(range(12), key=lambda i: values[i], reverse=name == "l1")
    found = scoring.scores(made.model, made.metrics, made.validation)
    assert list(found.worst) == order[:8]
    shown = scoring.samples(made.model, made.validation, 2, metrics=made.metrics, worst=found.worst)
    assert [s.is_worst for s in shown] == [False] * 2 + [True] * 8
    assert [s.scores[name] for s in shown[2:]] == pytest.approx([values[i] for i in order[:8]])
    assert [s.key for s in shown[2:]] == [made.validation.source.dataset[i].key for i in order[:8]]


def test_a_metric_of_several_numbers_gives_no_score_and_no_worst(made):
    several = [BoundMetric(name="histogram", metric=Histogram(), info=MetricInfo(), options={})]
    assert list(scoring.scores(made.model, several, made.validation).worst) == []
    [shown] = scoring.samples(made.model, made.validation, 1, metrics=several)
    assert shown.scores == {}


def test_without_metrics_there_are_pictures_alone(made):
    assert [(s.scores, s.is_worst) for s in scoring.samples(made.model, made.validation, 3)] == [({}, False)] * 3


def test_a_metric_of_a_whole_set_gives_no_sample_a_score_and_has_no_baseline(made):
    of_set = [replace(m, info=MetricInfo(is_set_level=True)) for m in made.metrics]
    found = scoring.scores(made.model, of_set, made.validation, mean=torch.zeros(3, 32, 32))
    assert (list(found.metrics), found.baseline, list(found.worst)) == ([of_set[0].name], {}, [])
    [shown] = scoring.samples(made.model, made.validation, 1, metrics=of_set)
    assert shown.scores == {}
