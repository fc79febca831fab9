"""Scores of painted labels, against confusion counted by hand."""

import numpy as np
import pytest
import torch

from imtrans.errors import ConfigError, DataError, ShapeError
from imtrans.interfaces import Batch, DataSpec, ImageSpec
from imtrans.testing import check_metric, make
from imtrans_segmentation.cityscapes import cityscapes
from imtrans_segmentation.confusion import confusion, scores
from imtrans_segmentation.palette_csv import palette

ROAD, SIDEWALK, CAR, TRUCK = (128, 64, 128), (244, 35, 232), (0, 0, 142), (0, 0, 70)
BLACK, TRAILER = (0, 0, 0), (0, 0, 110)
OWN = "name,red,green,blue,void\nsea,0,0,255,\nland,0,255,0,no\nfog,255,255,255,yes\n"


def painted(*rows):
    """A picture (1, 3, H, W) in [-1, 1] of rows of colours of 8 bits."""
    return torch.tensor(rows, dtype=torch.float32).permute(2, 0, 1)[None] / 127.5 - 1


def batch(target, source=None, **extras):
    keys, draws = ["x"] * len(target), torch.arange(len(target))
    return Batch(source=target if source is None else source, target=target, keys=keys, draws=draws, extras=extras)


def measured(prediction, given, **options):
    metric = make("metric", "label-colours", **options)
    return metric.aggregate(metric.compute(prediction, given))


def random_colours(*shape):
    """Pictures (B, 3, H, W) in [-1, 1] of any colours of 8 bits."""
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape)).float() / 127.5 - 1


def test_label_colours_keeps_the_contract():
    check_metric("label-colours")


def test_scores_of_three_classes_are_those_of_a_hand():
    """Truth in rows: 0 is taken 3 times for 0, once for 1, once for void; 1 twice for 1, twice for 0; 2 is nowhere."""
    counts = torch.tensor([[3, 1, 0, 1], [2, 2, 0, 0], [0, 0, 0, 0]])
    found = scores(counts)
    assert found["pixel_accuracy"] == pytest.approx(5 / 9)
    assert found["class_accuracy"] == pytest.approx((3 / 5 + 2 / 4 + 0) / 3)
    # Unions: truth 5 and predicted 5 less 3 right; truth 4 and predicted 3 less 2 right.
    assert found["class_iou"] == pytest.approx((3 / 7 + 2 / 5 + 0) / 3)


def test_confusion_counts_every_picture_alone_and_leaves_true_void_out():
    truth = torch.tensor([[[0, 0, 1, 2]], [[2, 2, 2, 1]]])
    predicted = torch.tensor([[[0, 1, 2, 1]], [[0, 1, 2, 1]]])
    counts = confusion(truth, predicted, 2)
    assert counts.dtype == torch.int64
    assert counts.tolist() == [[[1, 1, 0], [0, 0, 1]], [[0, 0, 0], [0, 1, 0]]]


def test_every_class_painted_right_scores_one():
    colours = [c.rgb for c in cityscapes().colours]
    truth = painted(colours, colours[::-1])
    assert list(measured(truth, batch(truth)).values()) == pytest.approx([1, 1, 1])


def test_classes_that_occur_nowhere_count_as_nought():
    truth = painted([ROAD, CAR])
    found = measured(truth, batch(truth))
    assert found["pixel_accuracy"] == pytest.approx(1)
    assert found["class_accuracy"] == found["class_iou"] == pytest.approx(2 / 19)


def test_black_is_void_and_no_truck():
    """Among the 19 colours alone black is nearest to a truck's: the fault of which others' issues warn."""
    distances = [sum(v * v for v in c.rgb) for c in cityscapes().colours if not c.is_void]
    assert cityscapes().names[int(np.argmin(distances))] == "truck"
    assert cityscapes().read(painted([BLACK, TRAILER, TRUCK])).tolist() == [[[19, 19, 14]]]
    truth, wrong = painted([ROAD, ROAD, BLACK, TRUCK]), painted([ROAD, BLACK, ROAD, TRUCK])
    found = measured(wrong, batch(truth))
    assert found["pixel_accuracy"] == pytest.approx(2 / 3)  # true void is left out, painted void is wrong
    assert found["class_iou"] == pytest.approx((1 / 2 + 1) / 19)


def test_the_palette_has_19_classes_and_29_colours_that_all_differ():
    found = cityscapes()
    assert (found.count, len(found.colours), len({c.rgb for c in found.colours})) == (19, 29, 29)
    assert sorted(found.ids.values()) == list(range(19))
    assert found.read(painted([c.rgb for c in found.colours])).flatten().tolist() == [*range(19), *[19] * 10]


def test_official_label_numbers_become_training_numbers_and_all_others_void():
    numbers = torch.tensor([-1, 0, 6, 7, 8, 9, 10, 11, 18, 26, 29, 30, 31, 33, 34, 255])
    assert cityscapes().of_ids(numbers).tolist() == [19, 19, 19, 0, 1, 19, 19, 2, 19, 13, 19, 19, 16, 18, 19, 19]


def test_the_nearest_colour_is_that_of_the_distances_written_out(tmp_path):
    """Also of so many colours that a float of 32 bits would not do."""
    draws = np.random.default_rng(1)
    rows = [f"c{i},{r},{g},{b}" for i, (r, g, b) in enumerate({tuple(c) for c in draws.integers(0, 256, (90, 3))})]
    (tmp_path / "many.csv").write_text("name,red,green,blue\n" + "\n".join(rows))
    for found in (cityscapes(), palette(tmp_path / "many.csv")):
        pictures = random_colours(2, 3, 40, 130)
        stored = ((pictures + 1) * 127.5).round().to(torch.int64).numpy()
        rgb = np.array([c.rgb for c in found.colours])
        distances = ((stored[:, None] - rgb[None, :, :, None, None]) ** 2).sum(2)
        wanted = np.array(found.classes)[distances.argmin(1)]
        assert np.array_equal(found.read(pictures).numpy(), wanted)


def test_of_equally_near_colours_the_first_counts(tmp_path):
    (tmp_path / "p.csv").write_text("name,red,green,blue\na,10,0,0\nb,0,0,0\nc,20,0,0\n")
    read = palette(tmp_path / "p.csv").read(painted([(5, 0, 0), (15, 0, 0), (6, 0, 0), (4, 0, 0)]))
    assert read.flatten().tolist() == [0, 0, 0, 1]


def test_full_scores_take_predicted_classes_to_the_size_of_the_official_labels():
    truth, wrong = painted([ROAD, SIDEWALK]), painted([ROAD, ROAD])
    labels = torch.tensor([[7, 7, 8, 8], [7, 0, 8, 7]])[None, None]
    found = measured(wrong, batch(truth, labels=labels))
    assert found["pixel_accuracy"] == pytest.approx(1 / 2)
    assert found["full_pixel_accuracy"] == pytest.approx(4 / 7)  # one of eight pixels is void
    assert found["full_class_accuracy"] == pytest.approx(1 / 19)
    assert found["full_class_iou"] == pytest.approx(4 / 7 / 19)


def test_without_official_labels_there_are_no_full_scores():
    truth = painted([ROAD, CAR])
    assert list(measured(truth, batch(truth))) == ["pixel_accuracy", "class_accuracy", "class_iou"]


def test_pictures_of_a_batch_are_counted_as_each_alone():
    target, prediction = random_colours(3, 3, 8, 9), random_colours(3, 3, 8, 9).flip(0)
    labels = torch.from_numpy(np.random.default_rng(2).integers(0, 34, (3, 1, 16, 18)))
    metric = make("metric", "label-colours")
    rows = metric.compute(prediction, batch(target, labels=labels))
    alone = [
        metric.compute(prediction[i : i + 1], batch(target[i : i + 1], labels=labels[i : i + 1])) for i in range(3)
    ]
    assert rows.shape == (3, 2, 19, 20)
    assert torch.equal(rows, torch.cat(alone))


def test_numbers_of_many_pictures_come_from_their_counts_together():
    """Not from the mean of their numbers: a class that one picture lacks is no nought in it."""
    one, two = painted([ROAD, ROAD]), painted([CAR, ROAD])
    metric = make("metric", "label-colours")
    rows = torch.cat([metric.compute(one, batch(one)), metric.compute(one, batch(two))])
    assert metric.aggregate(rows)["class_accuracy"] == pytest.approx((3 / 3 + 0 / 1) / 19)


def test_labels_in_planes_are_read_by_their_strongest():
    target = torch.nn.functional.one_hot(torch.tensor([[[0, 1, 2, 1]]]), 4).movedim(-1, 1).float()
    prediction = torch.tensor([[0.1, 0.9, 0.2, 0.3]] * 4).T[None, :, None] * 1.0
    data_spec = DataSpec(target=ImageSpec(kind="labels", channels=1, classes=4))
    metric = make("metric", "label-colours", data_spec=data_spec)
    rows = metric.compute(prediction, batch(target))
    assert rows.shape == (1, 2, 4, 5)
    assert metric.aggregate(rows)["pixel_accuracy"] == pytest.approx(1 / 2)
    with pytest.raises(ConfigError, match="class numbers, not colours"):
        make("metric", "label-colours", data_spec=data_spec, palette="p.csv")


def test_a_palette_of_ones_own_has_its_own_classes(tmp_path):
    (tmp_path / "own.csv").write_text("\ufeff" + OWN, encoding="utf-8")
    truth = painted([(0, 10, 250), (0, 255, 0), (250, 250, 250), (0, 255, 0)])
    wrong = painted([(0, 0, 255), (0, 200, 0), (0, 0, 255), (255, 255, 255)])
    labels = torch.full((1, 1, 4, 4), 7)  # numbers of Cityscapes mean nothing here
    found = measured(wrong, batch(truth, labels=labels), palette=str(tmp_path / "own.csv"))
    assert found["pixel_accuracy"] == pytest.approx(2 / 3)
    assert found["class_iou"] == pytest.approx((1 + 1 / 2) / 2)
    assert "full_class_iou" not in found


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "0 classes besides void"),
        ("name,red,green\nsea,0,0\n", "p.csv:1: no column blue"),
        (OWN + "sky,0,0,256,\n", "p.csv:5: blue '256' is no whole number from 0 to 255"),
        (OWN + "sky,0,zero,1,\n", "p.csv:5: green 'zero' is no whole number"),
        (OWN + "sky,0,1\n", "p.csv:5: blue '' is no whole number"),
        (OWN + ",0,1,2,\n", "p.csv:5: no name"),
        (OWN + "\nsky,0,0,255,\n", r"p.csv:6: the colour \(0, 0, 255\) is already in line 2"),
        (OWN + "sea,0,0,1,\n", "p.csv:5: class 'sea' is already in line 2"),
        (OWN + "sky,0,0,1,perhaps\n", "p.csv:5: void 'perhaps' is neither yes nor no"),
        (OWN + 'sky,"0,0,1\n', "p.csv:5: unexpected end of data"),
        ("name,red,green,blue,void\nsea,0,0,255,\nfog,1,1,1,yes\n", "1 classes besides void"),
    ],
)
def test_a_broken_palette_is_named_with_its_line(text, what, tmp_path):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(DataError, match=what) as caught:
        palette(tmp_path / "p.csv")
    assert caught.value.hint
    assert str(caught.value).count("\n") <= 2


def test_a_palette_that_is_not_there_or_no_text_is_named(tmp_path):
    with pytest.raises(DataError, match=r"palette .*none\.csv: No such file"):
        palette(tmp_path / "none.csv")
    (tmp_path / "p.csv").write_bytes(b"name\xff\xfe")
    with pytest.raises(DataError, match="not UTF-8"):
        palette(tmp_path / "p.csv")


@pytest.mark.parametrize(
    "target", [ImageSpec(channels=1), ImageSpec(kind="data"), ImageSpec(channels=2, space="lab-ab")]
)
def test_targets_that_cannot_be_painted_labels_are_refused(target):
    with pytest.raises(ConfigError, match="labels must be painted in colours"):
        make("metric", "label-colours", data_spec=DataSpec(target=target))


def test_a_picture_of_no_numbers_is_wrong_not_a_crash():
    truth = painted([ROAD, CAR])
    assert set(measured(torch.full_like(truth, torch.nan), batch(truth)).values()) == {0.0}


def test_shapes_that_differ_are_refused_not_broadcast():
    metric = make("metric", "label-colours")
    with pytest.raises(ShapeError, match=r"prediction is \(1, 3, 1, 2\), target \(1, 3, 1, 3\)"):
        metric.compute(painted([ROAD, ROAD]), batch(painted([ROAD, ROAD, ROAD])))
    with pytest.raises(ShapeError, match="3 channels"):
        metric.compute(torch.zeros(1, 1, 2, 2), batch(torch.zeros(1, 1, 2, 2)))


def test_a_fingerprint_tells_palettes_apart(tmp_path):
    prints = [make("metric", "label-colours").fingerprint()]
    for text in (OWN, OWN.replace("255,255,255", "255,255,254")):
        (tmp_path / "own.csv").write_text(text)
        prints.append(make("metric", "label-colours", palette=str(tmp_path / "own.csv")).fingerprint())
    assert len(set(prints)) == 3
    assert prints[0] == make("metric", "label-colours").fingerprint()


def test_the_protocols_name_metrics_that_there_are(catalog):
    for name, resize in (("cityscapes-labels", "nearest"), ("segmentation-score", "bilinear")):
        protocol = catalog.entry("protocol", name).thing
        assert (protocol.version, protocol.size, protocol.resize, protocol.split) == (2, (256, 256), resize, "val")
        assert protocol.has_upper_bound
        assert all(catalog.component("metric", use.name) for use in protocol.metrics)


def test_planes_without_a_class_are_void():
    labels = ImageSpec(kind="labels", channels=1, classes=2)
    metric = make("metric", "label-colours", data_spec=DataSpec(target=labels))
    target = torch.tensor([[[1.0, 0, 0]], [[0, 1, 0]]])[None]  # class 0, class 1, void
    prediction = torch.tensor([[[1.0, 0, 1]], [[0, 0, 0]]])[None]  # class 0, void, class 0
    rows = metric.compute(prediction, batch(target))
    assert rows[0, 0].tolist() == [[1, 0, 0], [0, 0, 1]]
