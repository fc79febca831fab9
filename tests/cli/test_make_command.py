"""imtrans data make: pairs on disk."""

import numpy as np
import pytest
from PIL import Image

from imtrans.kit.images import decode
from imtrans.kit.images.color import grey
from imtrans_datasets import source_filters


@pytest.fixture
def photos(tmp_path):
    numbers = np.random.default_rng(0)
    for split, count in (("train", 3), ("val", 2)):
        (tmp_path / "photos" / split).mkdir(parents=True)
        for i in range(count):
            photo = numbers.integers(0, 256, (20, 24 + i, 3), dtype=np.uint8)
            Image.fromarray(photo).save(tmp_path / "photos" / split / f"{i}.png")
    return tmp_path / "photos"


def test_pairs_are_written_side_by_side_and_train(photos, cli, tmp_path):
    done = cli("data", "make", "grey", "--data-root", "photos", "-o", "pairs")
    assert done.code == 0, done.err
    assert "3 for train, 2 for val in pairs" in done.out
    photo = decode(photos / "train" / "1.png")
    pair = decode(tmp_path / "pairs" / "train" / "000001-1.png")
    assert pair.shape == (20, 2 * 25, 3)
    assert np.array_equal(pair[:, :25], grey(photo))
    assert np.array_equal(pair[:, 25:], photo), "combined and split again, a PNG is exact"
    small = ["--set", "data.size=16", "--set", "generator.depth=2", "--set", "discriminator.layers=1"]
    told = cli("run", "pix2pix", "--dataset", "pairs", "--steps", "1", "--set", "metrics=l1", *small)
    assert told.code == 0, told.err
    assert "splits: train 3, val 2" in told.err


def test_photos_are_resized_before_the_filter(photos, cli, tmp_path):
    assert cli("data", "make", "pencil", "--data-root", "photos", "-o", "p", "--size", "16").code == 0
    pair = decode(tmp_path / "p" / "val" / "000000-0.png")
    assert pair.shape == (16, 32, 3)
    assert np.array_equal(pair[:, :16], source_filters.pencil(np.ascontiguousarray(pair[:, 16:])))


@pytest.mark.slow
def test_drawn_sets_can_be_written_too(cli, tmp_path):
    assert cli("data", "make", "cad", "-o", "cad", "--set", "dataset.pairs=2").code == 0
    assert decode(sorted((tmp_path / "cad" / "train").iterdir())[0]).shape == (288, 864, 3)


def test_what_cannot_be_written_is_refused_before_anything_is(photos, cli, tmp_path):
    done = cli("data", "make", "lab", "--data-root", "photos", "-o", "out")
    assert (done.code, "not pictures on both sides" in done.err) == (2, True)
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    done = cli("data", "make", "grey", "--data-root", "photos", "-o", "out")
    assert (done.code, "out exists" in done.err) == (2, True)
    assert not list((tmp_path / "out").iterdir())
    done = cli("data", "make", "grey", "-o", "other")
    assert (done.code, "--data-root PHOTOS" in done.err) == (2, True)
    done = cli("data", "make", "grey", "--data-root", "photos", "-o", "other", "--size", "0")
    assert (done.code, "--size 0: must be a whole number of at least 1" in done.err) == (2, True)
