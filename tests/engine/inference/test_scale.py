"""Translating does what validation did: pictures are brought to the scale at which the model was trained."""

import json

import numpy as np
import pytest
from factories import TINY, config, job
from PIL import Image

import imtrans
from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.evaluation.model_samples import batches, predict
from imtrans.engine.inference.scale import fitted_size, magnification, size_of
from imtrans.engine.inference.stored_sizes import stored_sizes
from imtrans.engine.training import trainer
from imtrans.errors import ConfigError
from imtrans.interfaces import StoredSizes
from imtrans.kit.images import decode, from_range
from imtrans.plugins.component import ComponentRef

STORED = StoredSizes(median=(600, 600), low=(600, 600), high=(600, 600))


@pytest.mark.parametrize(
    ("shape", "choice", "wanted"),
    [
        ((600, 600), "train", (128, 128)),
        ((1200, 900), "train", (256, 192)),  # more of the same subject, not the same larger
        ((300, 600), "train", (64, 128)),
        ((128, 128), "train", (128, 128)),  # made smaller by its owner: a second time it would be of 27 pixels
        ((100, 120), "train", (100, 120)),
        ((600, 600), "native", (600, 600)),
        ((600, 900), 300, (300, 450)),
        ((600, 900), (64, 32), (64, 32)),
    ],
)
def test_a_picture_is_brought_to_the_scale_of_training_or_as_chosen(shape, choice, wanted):
    assert fitted_size(shape, choice, trained=(128,), stored=STORED) == wanted


def test_a_picture_within_the_sizes_of_training_is_brought_to_the_size_of_training():
    mixed = StoredSizes(median=(600, 800), low=(200, 300), high=(900, 1000))
    assert fitted_size((222, 999), "train", trained=(128, 96), stored=mixed) == (128, 96)
    assert fitted_size((1200, 1600), "train", trained=(128, 96), stored=mixed) == (256, 192)


def test_without_knowledge_of_the_sizes_a_picture_keeps_its_own():
    assert fitted_size((600, 500), "train", trained=(128,), stored=None) == (600, 500)
    assert magnification((600, 500), (600, 500), trained=(128,), stored=None) == 1


def test_the_magnification_is_that_of_the_axis_that_differs_most():
    assert magnification((600, 600), (600, 600), trained=(128,), stored=STORED) == pytest.approx(600 / 128)
    assert magnification((600, 600), (128, 64), trained=(128,), stored=STORED) == pytest.approx(0.5)


@pytest.mark.parametrize("text", ["x", "0", "1,2,3", "", "-5", "1,"])
def test_a_size_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match="is no size"):
        size_of(text)
    assert [size_of(t) for t in ("native", "train", "256", "[16, 32]")] == ["native", "train", 256, (16, 32)]


def folder(top, sizes, *, halves):
    """Pairs of blocks of colour: halves of one file, or two folders; sizes as (height, width) of one side."""
    random = np.random.default_rng(0)
    for split in ("train", "val"):
        for index, (height, width) in enumerate(sizes):
            sides = [random.integers(0, 256, (4, 4, 3), dtype=np.uint8) for _ in range(2)]
            sides = [
                np.asarray(Image.fromarray(side).resize((width, height), Image.Resampling.BICUBIC)) for side in sides
            ]
            for name, picture in {"both": np.hstack(sides)}.items() if halves else zip("AB", sides, strict=True):
                path = top / split / ("" if halves else name) / f"{split}{index}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(picture).save(path)
    return ComponentRef("folder", {"path": str(top), "layout": "halves" if halves else "auto"})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sizes", "halves", "settings"),
    [
        ([(96, 96)] * 3, True, {}),
        ([(32, 32)] * 3, True, {}),
        ([(96, 80), (64, 120), (40, 200)], False, {"data.interpolation": "area"}),
        ([(96, 80)] * 3, False, {"data.direction": "BtoA", "data.size": "[16, 40]"}),
    ],
    ids=["shrunk", "as stored", "mixed sizes", "squeezed, other direction"],
)
def test_validation_sources_are_translated_to_the_predictions_of_validation(sizes, halves, settings, tmp_path):
    data = folder(tmp_path / "pairs", sizes, halves=halves)
    shape = {"generator": "unet64"} if "data.size" not in settings else {}
    trainer.fit(
        job(
            tmp_path / "run",
            {"metrics": "[]", "train.steps": "2", "inference.dropout": "false", **settings, **shape},
            dataset=data,
        )
    )
    translator = imtrans.load(tmp_path / "run", device="cpu")
    loading = open_split(translator.model.config, "val", data_spec=translator.model.data_spec)
    for index, batch in enumerate(batches(translator.model, loading, range(3))):
        wanted = from_range(predict(translator.model, batch)[0], translator.target)
        files = loading.source.dataset.files(index)
        source = files[-1] if settings.get("data.direction") == "BtoA" else files[0]
        assert np.abs(translator.translate(source).astype(int) - wanted).max() <= 1


def test_a_photo_set_that_resizes_its_photos_has_their_stored_sizes(tmp_path):
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        for index in range(2):
            Image.new("RGB", (90, 60), (index * 90, 10, 200)).save(tmp_path / split / f"{split}{index}.png")
    chosen = config({"data.size": "32"}, dataset=ComponentRef("grey", {"root": str(tmp_path)}))
    assert stored_sizes(open_split(chosen, "train")).median == (60, 90)


def test_the_toy_set_is_drawn_at_the_size_of_training(tmp_path):
    assert stored_sizes(open_split(config({"data.size": "32"}), "train")).median == (32, 32)


@pytest.mark.slow
def test_the_command_says_what_it_resized_and_warns_of_another_scale(tmp_path, cli):
    folder(tmp_path / "x", [(96, 96)] * 2, halves=False)
    assert cli("run", "pix2pix", "--dataset", "./x", "--name", "r", *TINY).code == 0
    done = cli("translate", "r", "x/val/A", "-o", "out")
    assert "scale of training: 96 x 96 became 32 x 32 (2 pictures); --size native keeps their size" in done.err
    assert decode(tmp_path / "out" / "val0.png").shape == (32, 32, 3)
    native = cli("translate", "r", "x/val/A", "-o", "native", "--size", "native")
    assert "in 2 of 2 pictures things are 3 times larger than in training" in native.err
    assert decode(tmp_path / "native" / "val0.png").shape == (96, 96, 3)
    near = cli("translate", "r", "x/val/A", "-o", "near", "--size", "36")
    assert (near.code, near.err) == (0, "")
    assert cli("translate", "r", "x/val/A", "-o", "bad", "--size", "big").code == 2


@pytest.mark.slow
def test_a_checkpoint_is_named_behind_the_run(tmp_path, cli):
    settings = [*TINY, "--steps", "6", "--set", "train.save_every=2", "--set", "train.keep_last=9"]
    assert cli("run", "pix2pix", "--name", "r", *settings, "--set", "train.evaluate_every=2").code == 0
    best = json.loads((tmp_path / "runs" / "r" / "best.json").read_text())["step"]
    picture = str(tmp_path / "in.png")
    Image.new("RGB", (32, 32), (200, 90, 10)).save(picture)
    for which in ("best", "step-2", "4", f"step-{best}"):
        assert cli("translate", f"r@{which}", picture, "-o", f"{which}.png", "--overwrite").code == 0
    assert np.array_equal(decode(tmp_path / "best.png"), decode(tmp_path / f"step-{best}.png"))
    assert not np.array_equal(decode(tmp_path / "step-2.png"), decode(tmp_path / "4.png"))
    gone = cli("translate", "r@step-3", picture, "-o", "x.png")
    assert (gone.code, "It has: best, step-2, step-4" in gone.err) == (4, True)
    assert "no run or checkpoint 'q@best'" in cli("translate", "q@best", picture, "-o", "x.png").err
