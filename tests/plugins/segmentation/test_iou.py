"""IoU of label maps, against counts by hand and cityscapesScripts' rules."""

import pytest
import torch

from imtrans.errors import ConfigError, ShapeError
from imtrans.interfaces import Batch, DataSpec, ImageSpec
from imtrans.testing import check_metric, make

VOID = 255


def spec(classes):
    labels = ImageSpec(kind="labels", channels=1, classes=classes)
    return DataSpec(source=ImageSpec(), target=labels)


def planes(*pictures, classes=3):
    """One-hot planes (B, K, 1, W) of rows of class numbers; VOID has no plane."""
    ids = torch.tensor(pictures)[:, None, None]
    return (ids == torch.arange(classes).view(-1, 1, 1)).float()


def batch(target):
    return Batch(source=target, target=target, keys=["x"] * len(target), draws=torch.arange(len(target)))


def numbers(prediction, target, classes=3):
    metric = make("metric", "iou", data_spec=spec(classes))
    return metric.aggregate(
        metric.compute(planes(*prediction, classes=classes), batch(planes(*target, classes=classes)))
    )


def test_iou_keeps_the_contract():
    check_metric("iou", data_spec=spec(4))


def test_one_count_over_all_pictures_leaves_absent_classes_out():
    """Class 0: right 3, true 4, predicted 4; class 1: right 1, true 2, predicted 2; class 2 is nowhere.

    The mean over pictures would be another number.
    """
    found = numbers([[0, 0, 0], [0, 1, 1]], [[0, 0, 0], [1, 1, 0]])
    assert found == pytest.approx(
        {"mean_iou": (3 / 5 + 1 / 3) / 2, "pixel_accuracy": 4 / 6, "iou_0": 3 / 5, "iou_1": 1 / 3}
    )
    metric = make("metric", "iou", data_spec=spec(3))
    rows = metric.compute(planes([0, 0, 0]), batch(planes([0, 0, 1])))
    assert metric.notes(rows) == [
        "mean_iou is over 2 of 3 classes, counted over all pictures together; "
        "left out, as in cityscapesScripts: 2, in no target and no translation"
    ]


def test_a_class_that_is_predicted_but_in_no_target_counts_as_nought():
    assert numbers([[0, 2]], [[0, 0]]) == pytest.approx(
        {"mean_iou": 1 / 4, "pixel_accuracy": 1 / 2, "iou_0": 1 / 2, "iou_2": 0}
    )


def test_void_targets_count_for_nothing_and_predicted_void_is_a_miss():
    """As cityscapesScripts: predictions on ignored pixels are no error; valid pixels predicted as ignored are."""
    assert numbers([[0, 1, 1]], [[0, 1, VOID]])["mean_iou"] == 1
    found = numbers([[0, VOID, 1]], [[0, 0, 1]])
    assert found == pytest.approx({"mean_iou": 3 / 4, "pixel_accuracy": 2 / 3, "iou_0": 1 / 2, "iou_1": 1})
    assert numbers([[0]], [[VOID]]) == {}


def test_a_rare_class_that_is_never_found_shows():
    found = numbers([[0] * 100], [[0] * 98 + [1, 1]], classes=2)
    assert (found["pixel_accuracy"], found["iou_1"], found["mean_iou"]) == pytest.approx((0.98, 0, 0.49))


def test_logits_are_read_by_the_highest_and_values_that_are_no_numbers_are_misses():
    metric, target = make("metric", "iou", data_spec=spec(3)), planes([0, 1, 2])
    logits = target * 2 - 5
    assert metric.aggregate(metric.compute(logits, batch(target)))["mean_iou"] == 1
    logits[0, 1, 0, 2] = torch.nan
    assert metric.aggregate(metric.compute(logits, batch(target)))["iou_2"] == 0


def test_volumes_are_counted_as_pictures_are():
    target = torch.nn.functional.one_hot(torch.randint(3, (1, 4, 5, 6)), 3).movedim(-1, 1).float()
    metric = make("metric", "iou", data_spec=spec(3))
    assert metric.aggregate(metric.compute(target, batch(target)))["mean_iou"] == 1


def test_pictures_and_other_shapes_are_refused():
    with pytest.raises(ConfigError, match="iou: compares class numbers, and the targets are of kind 'image'"):
        make("metric", "iou", data_spec=DataSpec())
    with pytest.raises(ShapeError, match=r"prediction is \(1, 2, 1, 1\), target \(1, 3, 1, 1\)"):
        make("metric", "iou", data_spec=spec(3)).compute(planes([0], classes=2), batch(planes([0])))
