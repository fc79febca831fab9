"""What becomes of the files of a pair: sizes, depths, channels, ranges, labels."""

import json

import numpy as np
import pytest
from factories import config, job
from PIL import Image

import imtrans
from imtrans.engine.data.loader import SampleIndex
from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.training import trainer
from imtrans.errors import ConfigError, DataError
from imtrans.kit.images import decode, encode, resize
from imtrans.plugins.component import ComponentRef
from imtrans_datasets.components_folders import FolderOptions
from imtrans_datasets.folder import FolderOfPairs
from imtrans_datasets.pairing.layout import find

PALETTE = [0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255]


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    encode(path, array)


def two(folder, source, target, *, suffix=".png", names="abc"):
    for name in names:
        write(folder / "A" / f"{name}{suffix}", source)
        write(folder / "B" / f"{name}{suffix}", target)
    return find(folder, "train")


def numbers(*shape, dtype=np.uint8, most=255):
    return np.random.default_rng(0).integers(0, most + 1, shape).astype(dtype)


@pytest.mark.parametrize(("width", "height"), [(864, 288), (1024, 512), (6, 5)])
def test_halves_of_any_size_are_split_in_the_middle_exactly(width, height, tmp_path):
    source, target = numbers(height, width // 2, 3), numbers(height, width // 2, 3, most=99)
    for name in "ab":
        write(tmp_path / f"{name}.png", np.concatenate([source, target], axis=1))
    pair = FolderOfPairs(find(tmp_path, "train"))[0]
    assert np.array_equal(pair.source, source)
    assert np.array_equal(pair.target, target)


@pytest.mark.slow
def test_pairs_of_another_shape_than_square_train(tmp_path):
    for name in "abc":
        half = numbers(24, 48, 3)
        write(tmp_path / "x" / f"{name}.png", np.hstack([half, 255 - half]))
    chosen = ComponentRef("folder", {"path": str(tmp_path / "x")})
    loading = open_split(config({"data.size": "[16, 32]"}, dataset=chosen), "train")
    assert loading.pair(SampleIndex(0, 0))[0].source.shape == (16, 32, 3)
    trainer.fit(job(tmp_path / "run", {"data.size": "[16, 32]", "train.steps": "1", "metrics": "[]"}, dataset=chosen))


def test_nearest_resizing_of_the_whole_is_that_of_the_halves():
    """Project 002 splits after resizing or before: the same pixels with nearest, others with bicubic."""
    whole = numbers(288, 864, 3)
    for way, is_same in (("nearest", True), ("bicubic", False)):
        one = resize(whole, (256, 512), way)[:, :256]
        other = resize(whole[:, :432], (256, 256), way)
        assert np.array_equal(one, other) == is_same


@pytest.mark.slow
@pytest.mark.parametrize(("channels", "dtype"), [(1, np.float32), (2, np.uint16), (5, np.uint8), (1, np.uint16)])
def test_any_number_of_channels_trains_and_is_written_as_deep_as_it_was(channels, dtype, tmp_path, cli):
    if dtype == np.float32:
        array = np.random.default_rng(0).random((32, 32, channels), np.float32)
    else:
        array = numbers(32, 32, channels, dtype=dtype, most=np.iinfo(dtype).max)
    two(tmp_path / "x", array, array[::-1], suffix=".tif")
    chosen = ComponentRef("folder", {"path": str(tmp_path / "x")})
    settings = {"train.steps": "1", "metrics": "[]", "train.num_samples": "1"}
    trainer.fit(job(tmp_path / "runs" / "mine", settings, dataset=chosen))
    done = cli("translate", "mine", "x/A", "-o", "out")
    assert done.code == 0, done.err
    (made,) = {p.suffix for p in (tmp_path / "out").iterdir()}
    assert made == (".png" if channels == 1 and dtype != np.float32 else ".tif")
    written = decode(tmp_path / "out" / f"a{made}")
    assert (written.shape, written.dtype) == (array.shape, array.dtype)


def test_depths_are_brought_to_the_deepest(tmp_path):
    two(tmp_path, numbers(4, 4, 3), numbers(4, 4, 3), names="abcd")
    write(tmp_path / "A" / "b.png", np.full((4, 4, 3), 65_535, np.uint16))
    write(tmp_path / "B" / "b.png", np.full((4, 4, 3), 257 * 30, np.uint16))
    pair = FolderOfPairs(find(tmp_path, "train"))[1]
    assert (pair.source.dtype, pair.source.max(), pair.target.max()) == (np.uint16, 65_535, 257 * 30)
    two(tmp_path / "deep", numbers(4, 4, 3, dtype=np.uint16), numbers(4, 4, 3), names="abcd")
    write(tmp_path / "deep" / "A" / "b.png", np.full((4, 4, 3), 255, np.uint8))
    assert FolderOfPairs(find(tmp_path / "deep", "train"))[1].source.max() == 65_535


def test_float_among_whole_numbers_is_refused(tmp_path):
    two(tmp_path, numbers(4, 4, 1), numbers(4, 4, 1))
    (tmp_path / "A" / "b.png").unlink()
    write(tmp_path / "A" / "b.tif", np.ones((4, 4, 1), np.float32))
    with pytest.raises(DataError, match=r"b\.tif: grey float, where the sources are 2 grey 8 bit, 1 grey float"):
        FolderOfPairs(find(tmp_path, "train"))[1]


@pytest.mark.slow
def test_the_range_of_the_values_is_told_kept_and_undone(tmp_path):
    heights = np.linspace(-50, 350, 32 * 32, dtype=np.float32).reshape(32, 32, 1)
    listing = two(tmp_path / "x", numbers(32, 32, 3), heights, suffix=".tif")
    with pytest.raises(DataError, match=r"values from -50 to 350; allowed are 0 to 1") as caught:
        FolderOfPairs(listing, FolderOptions())[0]
    assert "--set dataset.target_range=[LOW,HIGH]" in caught.value.hint
    chosen = ComponentRef("folder", {"path": str(tmp_path / "x"), "target_range": [-50, 350]})
    made = job(tmp_path / "run", {"train.steps": "1", "metrics": "[]", "train.num_samples": "1"}, dataset=chosen)
    trainer.fit(made)
    translator = imtrans.load(tmp_path / "run")
    assert (translator.target.low, translator.target.high, translator.target.bits) == (-50, 350, 32)
    translated = translator.translate(tmp_path / "x" / "A" / "a.tif")
    assert translated.dtype == np.float32
    assert -50 <= translated.min() < translated.max() <= 350


@pytest.mark.parametrize("value", [(1,), (3, 3), (1, 2, 3)])
def test_a_range_that_is_none_is_refused(value, tmp_path):
    with pytest.raises(ConfigError, match=r"dataset\.source_range: .* must have a low and a high value"):
        FolderOfPairs(two(tmp_path, numbers(4, 4, 1), numbers(4, 4, 1)), FolderOptions(source_range=value))


@pytest.fixture
def labelled(tmp_path):
    """Photos in A, palette label maps of four classes in B."""
    ids = np.kron(np.arange(4, dtype=np.uint8).reshape(2, 2), np.ones((16, 16), np.uint8))
    for name in "abc":
        write(tmp_path / "x" / "A" / f"{name}.png", numbers(32, 32, 3))
        (tmp_path / "x" / "B").mkdir(exist_ok=True)
        image = Image.fromarray(ids).convert("P")
        image.putpalette(PALETTE)
        image.save(tmp_path / "x" / "B" / f"{name}.png")
    return tmp_path / "x"


def test_palette_pictures_are_read_as_labels_where_asked(labelled):
    data = FolderOfPairs(find(labelled, "train"), FolderOptions(labels="target", classes=4))
    told = data.data_spec.target
    assert (told.kind, told.channels, told.classes, told.num_channels) == ("labels", 1, 4, 4)
    assert [list(colour) for colour in told.palette] == [[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert data[0].target[::16, ::16, 0].tolist() == [[0, 1], [2, 3]]
    assert FolderOfPairs(find(labelled, "train"))[0].target[0, 16].tolist() == [255, 0, 0]


def test_the_number_of_classes_is_asked_for_with_what_was_found(labelled):
    with pytest.raises(ConfigError, match=r"dataset\.classes is not set; .*a\.png on, hold values up to 3") as caught:
        FolderOfPairs(find(labelled, "train"), FolderOptions(labels="target"))
    assert "--set dataset.classes=4" in caught.value.hint


@pytest.mark.slow
@pytest.mark.parametrize(("direction", "side"), [("AtoB", "A"), ("BtoA", "B")])
def test_labels_train_and_translate_as_source_and_as_target(direction, side, labelled, tmp_path, cli):
    chosen = ComponentRef("folder", {"path": str(labelled), "labels": "target", "classes": 4})
    settings = {"train.steps": "1", "metrics": "[]", "train.num_samples": "1", "data.direction": direction}
    trainer.fit(job(tmp_path / "runs" / "mine", settings, dataset=chosen))
    done = cli("translate", "mine", f"x/{side}", "-o", "out")
    assert done.code == 0, done.err
    with Image.open(tmp_path / "out" / "a.png") as image:
        assert image.mode == ("P" if direction == "AtoB" else "RGB")
        if direction == "AtoB":
            assert image.getpalette()[:12] == PALETTE
            assert max(image.tobytes()) <= 3


def test_a_label_that_the_model_never_saw_is_refused_by_name(labelled, tmp_path, cli):
    chosen = ComponentRef("folder", {"path": str(labelled), "labels": "target", "classes": 4})
    settings = {"train.steps": "1", "metrics": "[]", "train.num_samples": "1", "data.direction": "BtoA"}
    trainer.fit(job(tmp_path / "runs" / "mine", settings, dataset=chosen))
    write(tmp_path / "odd.png", np.full((8, 8, 1), 9, np.uint8))
    done = cli("translate", "mine", "odd.png", "x/A/a.png", "-o", "out")
    assert done.code == 3
    assert "odd.png: value 9; the model takes labels 0 to 3" in done.err
    assert "a.png: mode RGB is a picture, not a label map" in done.err


def test_path_and_the_two_paths_exclude_each_other(tmp_path, cli):
    for given, message in (
        ({"path": "x", "source": "y"}, r"dataset\.path 'x' and dataset\.source 'y': not both"),
        ({"target": "y"}, r"dataset\.target 'y' is given without dataset\.source"),
        ({"source": "y"}, r"dataset\.source 'y' is given without dataset\.target"),
    ):
        with pytest.raises(ConfigError, match=message):
            open_split(config(dataset=ComponentRef("folder", given)), "train")


def test_a_run_says_what_it_found(labelled, cli):
    """The layout, the side that is the source, the splits, three pairs with size, channels and depth."""
    small = ["--steps", "1", "--set", "generator.depth=3", "--set", "generator.width=2", "--set", "metrics=[]"]
    small += ["--set", "dataset.labels=target", "--set", "dataset.classes=4", "--set", "data.direction=BtoA"]
    small += ["--set", "data.size=32", "--set", "discriminator.width=2"]
    done = cli("run", "pix2pix", "--dataset", "./x", *small, "--name", "told")
    assert done.code == 0, done.err
    assert done.err.splitlines()[:6] == [
        "  data set: folder: x; pairs from the folders A and B",
        " direction: from B to A (data.direction=BtoA)",
        "    splits: train 2, val 1 (held out of training), test 1 (held out of training)",
        "    pair 1: B/b.png: 32 x 32, labels of 4 classes; A/b.png: 32 x 32, 3 channels, 8 bits",
        "    pair 2: B/c.png: 32 x 32, labels of 4 classes; A/c.png: 32 x 32, 3 channels, 8 bits",
        "      note: no place for validation: 1 of 3 samples, chosen by name, is held out of training",
    ]
    assert max(map(len, done.err.splitlines()[:9])) <= 100
    told = json.loads((labelled.parent / "runs" / "told" / "run.json").read_text())
    assert told["status"] == "finished"
