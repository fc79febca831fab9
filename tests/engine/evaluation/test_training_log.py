"""The validation numbers of a run that learns label maps: those of metrics that compare class numbers."""

import json

import numpy as np
import pytest
import torch
from factories import job, plugins
from PIL import Image

from imtrans.engine import build
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.evaluation.protocol import run_protocol
from imtrans.engine.evaluation.run_evaluation import evaluate_run
from imtrans.engine.training.trainer import fit
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef

CLASSES = 40


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    top, random = tmp_path_factory.mktemp("labels"), np.random.default_rng(0)
    for split in ("train", "val"):
        for side, channels in (("photo", (3,)), ("map", ())):
            (top / side / split).mkdir(parents=True)
            for index in range(3):
                high = 256 if channels else CLASSES
                pixels = random.integers(0, high, (32, 32, *channels), dtype=np.uint8)
                Image.fromarray(pixels).save(top / side / split / f"{index}.png")
    sides = {"source": str(top / "photo"), "target": str(top / "map")}
    return ComponentRef("folder", {**sides, "labels": "target", "classes": CLASSES})


@pytest.fixture(scope="module")
def trained(labels, tmp_path_factory):
    training = job(tmp_path_factory.mktemp("log") / "run", {"metrics": "", "train.steps": "2"}, dataset=labels)
    return training, fit(training).scores


@pytest.mark.slow
def test_metrics_of_pictures_are_left_out_and_named_and_those_of_class_numbers_follow(trained):
    training, scores = trained
    assert list(scores.metrics) == ["l1", "mean_iou", "pixel_accuracy"]
    assert training.run.facts["left out"] == "metrics of other targets: psnr, ssim"


@pytest.mark.slow
def test_the_log_and_the_protocol_own_give_the_same_numbers_of_classes(trained, tmp_path):
    training, scores = trained
    catalog, checkpoint = Catalog(plugins().records), checkpoint_paths.newest(training.run.folder)
    factory = build.ComponentFactory(catalog)
    model = checkpoints_io.load(checkpoint, catalog=catalog, factory=factory, device=torch.device("cpu"))
    own = run_protocol(model, catalog)
    numbers = evaluate_run(model, checkpoint, own, catalog=catalog, base=tmp_path).evaluation.numbers
    lines = [json.loads(line) for line in (training.run.folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    [logged] = [line for line in lines if line["split"] == "val"]
    for name in ("l1", "mean_iou", "pixel_accuracy"):
        assert numbers[name].value == scores.metrics[name] == logged[name]
    assert f"iou_{CLASSES - 1}" in numbers
    assert f"iou_{CLASSES - 1}" not in logged


@pytest.mark.slow
def test_a_run_to_label_maps_can_be_saved_by_its_best_iou(labels, tmp_path):
    settings = {"metrics": "", "train.steps": "3", "train.evaluate_every": "1", "train.best_metric": "mean_iou"}
    training = job(tmp_path / "run", settings, dataset=labels)
    fit(training)
    assert json.loads((training.run.folder / "best.json").read_text("utf-8"))["metric"] == "mean_iou"


def test_metrics_that_suit_the_targets_are_left_as_they_are(labels, tmp_path):
    training = job(tmp_path / "run", {"metrics": '["l1"]'}, dataset=labels)
    assert [m.label for m in training.metrics] == ["l1"]
    assert "left out" not in training.run.facts
