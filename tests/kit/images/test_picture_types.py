"""`translate` takes what Python programs hold pictures in, and gives the same kind of thing."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import job
from PIL import Image

import imtrans
from imtrans.engine.training import trainer
from imtrans.errors import ShapeError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images.picture_types import as_array

RGB, GREY = ImageSpec(), ImageSpec(channels=1)


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    trainer.fit(job(folder, {"metrics": "[]", "train.steps": "1"}))
    return imtrans.load(folder, device="cpu")


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)


@pytest.mark.slow
def test_every_kind_of_picture_gives_the_same_translation_in_its_kind(translator, picture, tmp_path):
    wanted = translator.translate(picture)
    tensor = translator.translate(torch.from_numpy(picture).movedim(-1, 0))
    pillow = translator.translate(Image.fromarray(picture))
    Image.fromarray(picture).save(tmp_path / "x.png")
    assert isinstance(tensor, torch.Tensor)
    assert np.array_equal(tensor.movedim(0, -1).numpy(), wanted)
    assert isinstance(pillow, Image.Image)
    assert np.array_equal(np.asarray(pillow), wanted)
    assert np.array_equal(translator.translate(tmp_path / "x.png"), wanted)
    several = translator.translate([picture, tmp_path / "x.png", Image.fromarray(picture)])
    assert [type(each) for each in several] == [np.ndarray, np.ndarray, type(pillow)]
    assert all(np.array_equal(np.asarray(each), wanted) for each in several)
    floats = translator.translate(torch.from_numpy(picture).movedim(-1, 0).float() / 255, source_range=(0, 1))
    assert torch.equal(floats, tensor)


def test_grey_pictures_are_taken_by_a_model_of_colour_ones(translator, picture):
    grey = np.ascontiguousarray(picture[..., 0])
    wanted = translator.translate(np.repeat(grey[..., None], 3, axis=-1))
    for same in (grey, grey[..., None], torch.from_numpy(grey), torch.from_numpy(grey)[None], Image.fromarray(grey)):
        assert np.array_equal(as_array(same, RGB)[..., :1], grey[..., None])
        result = translator.translate(same)
        array = result.movedim(0, -1).numpy() if isinstance(result, torch.Tensor) else np.asarray(result)
        assert np.array_equal(array, wanted)


def test_transparency_of_an_image_is_laid_on_the_background():
    clear = Image.new("RGBA", (4, 3), (10, 20, 30, 0))
    assert (as_array(clear, RGB) == 255).all()
    assert (as_array(clear, ImageSpec(background=(1, 2, 3))) == (1, 2, 3)).all()


def test_a_palette_is_colours_for_pictures_and_numbers_for_labels():
    image = Image.new("P", (4, 3), 1)
    image.putpalette([0, 0, 0, 9, 8, 7])
    assert as_array(image, RGB)[0, 0].tolist() == [9, 8, 7]
    assert as_array(image, ImageSpec(kind="labels", channels=1, classes=2)).tolist() == np.ones((3, 4, 1)).tolist()


@pytest.mark.parametrize(
    ("wrong", "spec", "mend"),
    [
        (np.zeros((3, 8, 9), np.uint8), RGB, "numpy.moveaxis(picture, 0, -1)"),
        (torch.zeros(8, 9, 3), RGB, "picture.movedim(-1, 0)"),
        (np.zeros((8, 9, 4), np.uint8), RGB, "picture[..., :-1]"),
        (torch.zeros(4, 8, 9), RGB, "picture[:-1]"),
        (np.zeros((2, 8, 9, 3), np.float32), GREY, "translate(list(pictures))"),
        (torch.zeros(2, 3, 8, 9), RGB, "translate(list(pictures))"),
        (np.zeros((8, 9, 3), np.uint8), GREY, "of 1 channel."),
        (np.zeros(9), RGB, "a Pillow image"),
        (np.zeros((0, 8, 3)), RGB, "a Pillow image"),
        ({"path": "x.png"}, RGB, "a Pillow image"),
        (None, RGB, "a Pillow image"),
    ],
)
def test_a_wrong_shape_is_refused_with_what_to_do(wrong, spec, mend):
    with pytest.raises(ShapeError) as caught:
        as_array(wrong, spec)
    assert mend in caught.value.hint


def test_a_batch_is_refused_by_the_model_as_well(translator, picture):
    with pytest.raises(ShapeError, match=r"\(2, 32, 40, 3\)"):
        translator.translate(np.stack([picture, picture]))


@pytest.mark.slow
def test_the_python_code_of_the_docs_runs(tmp_path, monkeypatch):
    docs = Path(__file__).parents[3] / "docs"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").symlink_to(docs)
    trainer.fit(job(tmp_path / "runs" / "first", {"metrics": "[]", "train.steps": "1"}))
    names = {}
    for code in re.findall(r"```python\n(.*?)```", (docs / "translate.md").read_text("utf-8"), re.DOTALL):
        exec(code, names)
    assert names["picture"].dtype == np.uint8
    assert [each.shape for each in names["several"]] == [names["picture"].shape] * 2
    assert names["run"].metrics()["l1"].values
    assert names["first"].folder.name == "first"
