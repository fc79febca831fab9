"""What a side is, is found over all files of all splits, and every later reader is handed it."""

import json

import cv2
import numpy as np
import pytest
import tifffile
import torch
from factories import TINY, config
from PIL import Image

from imtrans.engine.data.loader import Samples, prepare
from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.data.sampler import SampleIndex
from imtrans.errors import ConfigError, DataError
from imtrans.kit.images import header_cache
from imtrans.plugins.component import ComponentRef


def photo(seed, *shape, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape or (32, 32, 3), dtype)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tifffile.imwrite(path, array, photometric="rgb" if array.ndim == 3 else "minisblack")
    else:
        cv2.imwrite(str(path), array[..., ::-1] if array.ndim == 3 and array.shape[-1] == 3 else array)


def pairs(top, targets, *, split=8, suffix=".png"):
    """Ten pairs, the first `split` for training; `targets` gives the target of a number."""
    for i in range(10):
        place = top / ("train" if i < split else "val")
        save(place / "A" / f"{i}.png", 255 - photo(i))
        save(place / "B" / f"{i}{suffix}", targets(i))


def spec(top, split="train", **options):
    return open_split(config(dataset=ComponentRef("folder", {"path": str(top), **options})), split)


def contents(top, **options):
    return spec(top, **options).source.dataset.description.contents


@pytest.mark.slow
@pytest.mark.parametrize("odd", [0, 4, 7, 8, 9])
def test_one_grey_picture_anywhere_costs_no_colours(odd, tmp_path):
    pairs(tmp_path, lambda i: photo(i, 32, 32) if i == odd else photo(i))
    for split in ("train", "val"):
        loader = spec(tmp_path, split)
        assert loader.data_spec.target.channels == 3
        assert all(loader.sample(i).target.shape[-1] == 3 for i in range(len(loader.source.dataset)))
    assert contents(tmp_path)[1] == "9 RGB 8 bit, 1 grey 8 bit: read as RGB 8 bit"


@pytest.mark.slow
@pytest.mark.parametrize("deep", [range(10), range(8), range(8, 10), [0], [9]])
def test_depths_of_any_split_are_brought_to_the_deepest(deep, tmp_path):
    pairs(tmp_path, lambda i: photo(i).astype(np.uint16) * 257 if i in deep else photo(i))
    for split, first in (("train", 0), ("val", 8)):
        loader = spec(tmp_path, split)
        assert (loader.data_spec.target.bits, loader.data_spec.target.high) == (16, 65535)
        assert np.array_equal(loader.source.dataset[0].target, photo(first).astype(np.uint16) * 257)


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (
            photo(0, 32, 32).astype(np.float32) / 255,
            "5.tif: grey float, where the targets are 9 RGB 8 bit, 1 grey float",
        ),
        (photo(0, 32, 32, 5), "5.tif: 5-channel 8 bit, where the targets are 9 RGB 8 bit, 1 5-channel 8 bit"),
    ],
    ids=["float among whole numbers", "five channels among three"],
)
@pytest.mark.parametrize("place", ["train", "val"])
def test_what_no_rule_brings_together_is_refused_before_the_first_step(odd, said, place, tmp_path, cli):
    pairs(tmp_path / "x", photo)
    (old,) = (tmp_path / "x" / place / "B").glob("5.png" if place == "train" else "8.png")
    old.unlink()
    path = old.with_name("5.tif") if place == "train" else old.with_name("8.tif")
    tifffile.imwrite(path, odd, photometric="minisblack", **({"planarconfig": "contig"} if odd.ndim == 3 else {}))
    done = cli("run", "pix2pix", "--dataset", "./x", "--name", "r", *TINY)
    assert done.code == 3
    assert said.replace("5.tif", path.name) in done.err
    assert not (tmp_path / "runs" / "r").exists()


def test_palettes_in_one_split_and_numbers_in_the_other_are_refused(tmp_path):
    pairs(tmp_path, lambda i: photo(i, 32, 32) % 3)
    for path in (tmp_path / "val" / "B").iterdir():
        image = Image.open(path).convert("P")
        image.save(path)
    with pytest.raises(DataError, match="palette 8 bit, where the targets are 8 grey 8 bit, 2 palette 8 bit"):
        spec(tmp_path, labels="target", classes=3)


@pytest.mark.slow
def test_what_was_found_is_said_and_written_into_the_run(tmp_path, cli):
    pairs(tmp_path / "x", lambda i: photo(i, 32, 32) if i == 9 else photo(i))
    done = cli("run", "pix2pix", "--dataset", "./x", "--name", "r", *TINY)
    assert done.code == 0, done.err
    assert "target files: 9 RGB 8 bit, 1 grey 8 bit: read as RGB 8 bit" in done.err
    record = json.loads((tmp_path / "runs" / "r" / "dataset.json").read_text())
    assert record["contents"] == ["10 RGB 8 bit", "9 RGB 8 bit, 1 grey 8 bit: read as RGB 8 bit"]
    assert "the targets are 9 RGB 8 bit, 1 grey 8 bit: read as RGB 8 bit" in cli("data", "check", "./x").out


def l1(text):
    return next(line.split()[1] for line in text.splitlines() if line.split()[:1] == ["l1"])


@pytest.mark.slow
def test_copies_of_another_depth_get_the_same_numbers_and_a_resumed_run_keeps_its_own(tmp_path, cli):
    pairs(tmp_path / "x", photo)
    pairs(tmp_path / "deep", lambda i: photo(i).astype(np.uint16) * 257)
    assert cli("run", "pix2pix", "--dataset", "./x", "--name", "r", *TINY).code == 0
    numbers = {name: cli("evaluate", "r", "--protocol", "own", "--dataset", f"./{name}").out for name in ("x", "deep")}
    assert l1(numbers["x"]) == l1(numbers["deep"])
    save(tmp_path / "x" / "train" / "B" / "3.png", photo(3).astype(np.uint16) * 257)
    assert cli("resume", "r", "--steps", "4", "--accept-dataset-change").code == 0
    assert l1(cli("evaluate", "r", "--protocol", "own").out)


def test_the_headers_of_known_files_are_not_read_again(tmp_path, monkeypatch):
    pairs(tmp_path, photo)
    assert spec(tmp_path).data_spec.target.channels == 3
    read, original = [], header_cache.header
    monkeypatch.setattr(header_cache, "header", lambda path: read.append(path.name) or original(path))
    assert spec(tmp_path).data_spec.target.channels == 3
    assert read == []
    save(tmp_path / "val" / "B" / "9.png", photo(9, 32, 32))
    assert contents(tmp_path)[1].startswith("9 RGB 8 bit, 1 grey 8 bit")
    assert read == ["9.png"]


def masks(top, values, *, bits=8, classes=lambda i: photo(i, 32, 32) % 2):
    for i in range(6):
        place = top / ("train" if i < 4 else "val")
        save(place / "A" / f"{i}.png", photo(i))
        (place / "B").mkdir(exist_ok=True)
        stored = np.asarray(values, np.uint8)[classes(i)]
        image = Image.fromarray(stored > 0) if bits == 1 else Image.fromarray(stored)
        image.save(place / "B" / f"{i}.png")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "bits", "options"), [((0, 255), 8, {}), ((0, 255), 1, {}), ((3, 9), 8, {"values": [3, 9]})]
)
def test_masks_are_two_classes_and_are_written_as_they_were(values, bits, options, tmp_path, cli):
    masks(tmp_path / "x", values, bits=bits)
    loader = spec(tmp_path / "x", labels="target", classes=2, **options)
    assert np.array_equal(loader.source.dataset[0].target[..., 0], photo(0, 32, 32) % 2)
    assert loader.data_spec.target.values == values
    settings = [
        part for k, v in {"labels": "target", "classes": 2, **options}.items() for part in ("--set", f"dataset.{k}={v}")
    ]
    assert cli("run", "pix2pix", "--dataset", "./x", "--name", "r", *TINY, *settings).code == 0
    assert cli("translate", "r", "x/val/A", "-o", "out").code == 0
    assert {*np.unique(np.asarray(Image.open(tmp_path / "out" / "4.png")))} <= {*values}


def test_one_empty_mask_first_and_masks_of_zeros_and_ones_keep_their_meaning(tmp_path):
    masks(tmp_path / "empty", (0, 255), classes=lambda i: photo(i, 32, 32) % 2 * (i > 0))
    assert spec(tmp_path / "empty", labels="target", classes=2).data_spec.target.values == (0, 255)
    masks(tmp_path / "ones", (0, 1))
    assert spec(tmp_path / "ones", labels="target", classes=2).data_spec.target.values is None


def test_a_mask_without_a_number_of_classes_is_named_as_one(tmp_path):
    masks(tmp_path, (0, 255))
    with pytest.raises(ConfigError, match="the two values of a mask, 0 and 255") as caught:
        spec(tmp_path, labels="target")
    assert caught.value.hint == "Two classes: --set dataset.classes=2"


@pytest.mark.slow
def test_a_void_value_is_hinted_at_and_left_out_of_losses(tmp_path, cli):
    labels = lambda i: np.where(photo(i + 50, 32, 32) < 80, 3, photo(i, 32, 32) % 3)  # noqa: E731 - a table of pixels
    masks(tmp_path / "x", (0, 1, 2, 255), classes=labels)
    with pytest.raises(ConfigError) as caught:
        spec(tmp_path / "x", labels="target")
    assert "--set dataset.classes=3 --set dataset.void=255" in caught.value.hint
    with pytest.raises(DataError, match="value 255; allowed are 0 to 2") as caught:
        spec(tmp_path / "x", labels="target", classes=3).source.dataset[0]
    assert "--set dataset.void=255" in caught.value.hint
    loader = spec(tmp_path / "x", labels="target", classes=3, void=255)
    samples = Samples(loader)
    stored = samples.received(samples.collate([samples[SampleIndex(0, 0)]]))
    batch = prepare(stored, loader.data_spec, torch.device("cpu"))
    is_void = labels(0) == 3
    assert np.array_equal(batch.valid[0, 0].numpy() == 0, is_void)
    assert np.array_equal(batch.target[0].sum(0).numpy() == 0, is_void)
    settings = ["--set", "dataset.labels=target", "--set", "dataset.classes=3", "--set", "dataset.void=255"]
    done = cli("run", "pix2pix", "--dataset", "./x", "--name", "r", *TINY, *settings)
    assert done.code == 0, done.err


@pytest.mark.slow
def test_folders_are_evaluated_by_what_all_their_pictures_are(tmp_path, cli):
    for i in range(4):
        save(tmp_path / "one" / f"{i}.png", photo(i) if i else photo(i, 32, 32))
        save(tmp_path / "two" / f"{i}.png", (photo(i) if i else photo(i, 32, 32)).astype(np.uint16) * 257)
    for given in (("one", "two"), ("two", "one")):
        done = cli("evaluate", *given)
        assert done.code == 0, done.err
        assert float(l1(done.out)) == 0
