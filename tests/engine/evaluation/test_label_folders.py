"""Two folders of label maps: compared as class numbers, or refused where the numbers need not mean the same."""

import json

import numpy as np
import pytest
from PIL import Image

TRUTH = np.array([[0, 0, 1], [1, 1, 0]], np.uint8)
COLOURS = [0, 0, 0, 255, 0, 0, 0, 255, 0]


def write(folder, ids, form):
    """Class numbers in one of the forms that label maps come in."""
    folder.mkdir(parents=True)
    if form == "bits":
        picture = Image.fromarray(ids > 0)
    elif form == "palette":
        picture = Image.fromarray(ids, "P")
        picture.putpalette(COLOURS)
    else:
        picture = Image.fromarray(ids * np.uint8(255) if form == "mask" else ids.astype(form))
    picture.save(folder / "a.png")
    return folder


@pytest.fixture
def evaluate(cli, tmp_path):
    def call(*arguments):
        return cli("evaluate", str(tmp_path / "p"), str(tmp_path / "t"), "-o", str(tmp_path / "out"), *arguments)

    return call


@pytest.mark.slow
@pytest.mark.parametrize("predicted", ["bits", "palette", "mask", "uint8", "uint16"])
@pytest.mark.parametrize("true", ["bits", "palette", "mask", "uint8", "uint16"])
def test_every_form_of_the_same_classes_is_equal_and_of_others_is_not(predicted, true, evaluate, tmp_path):
    write(tmp_path / "p", TRUTH, predicted)
    write(tmp_path / "t", TRUTH, true)
    told = json.loads(evaluate("--protocol", "labels", "--json").out)
    assert {name: n["value"] for name, n in told["numbers"].items()} == {
        "mean_iou": 1,
        "pixel_accuracy": 1,
        "iou_0": 1,
        "iou_1": 1,
    }
    assert told["notes"][0].startswith("read as class numbers 0 to 1 (predictions: ")
    write(tmp_path / "wrong" / "p", 1 - TRUTH, predicted)
    (tmp_path / "p" / "a.png").write_bytes((tmp_path / "wrong" / "p" / "a.png").read_bytes())
    assert json.loads(evaluate("--protocol", "labels", "--json").out)["numbers"]["mean_iou"]["value"] == 0


@pytest.mark.slow
@pytest.mark.parametrize(("predicted", "true"), [("uint8", "bits"), ("bits", "uint8"), ("uint8", "palette")])
def test_class_numbers_beside_another_form_are_not_compared_as_pictures(predicted, true, evaluate, tmp_path):
    write(tmp_path / "p", TRUTH, predicted)
    write(tmp_path / "t", TRUTH, true)
    done = evaluate()
    assert done.code == 3
    assert "has values 0 to 1" in done.err
    assert "To compare class numbers: --protocol labels" in done.err
    assert len(done.err.splitlines()) <= 3


@pytest.mark.slow
def test_masks_of_1_bit_and_of_0_and_255_are_the_same_pictures(evaluate, tmp_path):
    write(tmp_path / "p", TRUTH, "mask")
    write(tmp_path / "t", TRUTH, "bits")
    assert json.loads(evaluate("--json").out)["numbers"]["l1"]["value"] == 0


def test_void_is_left_out(evaluate, tmp_path):
    write(tmp_path / "p", np.array([[0, 1, 1]], np.uint8), "uint8")
    write(tmp_path / "t", np.array([[0, 1, 255]], np.uint8), "uint8")
    told = json.loads(evaluate("--protocol", "labels", "--void", "255", "--json").out)
    assert told["numbers"]["mean_iou"]["value"] == 1
    assert told["choices"]["void"] == 255
    assert (
        told["notes"][0] == "read as class numbers 0 to 1, without 255 (predictions: grey values, targets: grey values)"
    )
    assert json.loads(evaluate("--protocol", "labels", "--json").out)["numbers"]["mean_iou"]["value"] < 1
    assert "--void: protocol image compares no class numbers" in evaluate("--void", "255").err


@pytest.mark.parametrize(
    ("predicted", "form", "words"),
    [
        ([[0, 1, 2]], "bits", "the predictions have values up to 2, and 1 bit of the others name 2 classes"),
        (
            [[0, 1, 7]],
            "palette",
            "the predictions have values up to 7, and palette indices of the others name 3 classes",
        ),
        ([[0, 3, 255]], "mask", "the predictions have values up to 255, and masks of the others name 2 classes"),
        ([[0, 1, 999]], "uint8", "class numbers up to 999; at most 255 can be compared"),
    ],
)
def test_numbers_that_need_not_mean_the_same_are_refused(predicted, form, words, evaluate, tmp_path):
    predicted = np.array(predicted)
    write(tmp_path / "p", predicted, "uint16" if predicted.max() > 255 else "uint8")
    write(tmp_path / "t", np.array([[0, 1, 1]], np.uint8), form)
    done = evaluate("--protocol", "labels")
    assert (done.code, words in done.err) == (3, True), done.err


def test_palettes_that_differ_and_folders_of_two_forms_are_refused(evaluate, tmp_path):
    write(tmp_path / "p", TRUTH, "palette")
    write(tmp_path / "t", TRUTH, "palette")
    assert evaluate("--protocol", "labels").code == 0
    other = Image.fromarray(TRUTH, "P")
    other.putpalette(COLOURS[3:])
    other.save(tmp_path / "p" / "a.png")
    assert "palette index 0 is" in evaluate("--protocol", "labels").err
    for folder, form in (("p", TRUTH), ("t", TRUTH > 0)):
        Image.fromarray(form).save(tmp_path / folder / "b.png")
    assert "mode L; the first, " in evaluate("--protocol", "labels").err
