"""What a run says about the values of its files, and what it refuses for them."""

import numpy as np
import pytest
from drawn_scenes import classes, pages, photo, save, sketch
from factories import TINY, config
from PIL import Image

from imtrans.engine.checkpoints.io import data_spec
from imtrans.engine.data.pair_loader import open_split
from imtrans.errors import ConfigError
from imtrans.kit.images import decode
from imtrans.plugins.component import ComponentRef


def pairs(top, source, target=photo, *, ends=(".png", ".png"), count=8):
    for i in range(count):
        save(top / "A" / f"{i}{ends[0]}", source(i))
        save(top / "B" / f"{i}{ends[1]}", target(i))
    return top


def doubts(top, **options):
    chosen = config({"data.size": "32"}, dataset=ComponentRef("folder", {"path": str(top), **options}))
    return open_split(chosen, "train").source.dataset.description.doubts()


def deep(seed):
    """Grey of 12 bits, kept in 16."""
    return photo(seed)[..., :1].astype(np.uint16) * 16


@pytest.mark.slow
def test_twelve_bits_in_sixteen_are_said_and_the_range_ends_it(tmp_path, cli):
    pairs(tmp_path / "x", deep, ends=(".tif", ".png"))
    (doubt,) = doubts(tmp_path / "x")
    assert "source files: 16 bits that hold 12, no value above 38" in doubt.what
    assert doubt.hint.endswith("--set dataset.source_range=[0,4095]")
    assert doubts(tmp_path / "x", source_range=[0, 4095]) == ()
    done = cli("run", "pix2pix", "--dataset", "x", *TINY, "--name", "r")
    assert done.code == 0, done.err
    assert "--set dataset.source_range=[0,4095]" in done.err
    checked = cli("data", "check", "x")
    assert checked.code == 0, checked.err
    assert "16 bits that hold 12" in checked.out


def test_whole_sixteen_bits_are_left_alone(tmp_path):
    assert doubts(pairs(tmp_path / "x", lambda i: photo(i).astype(np.uint16) * 257, ends=(".tif", ".png"))) == ()


def test_sixteen_bits_with_a_few_bright_values_are_to_be_stretched(tmp_path):
    def dim(seed):
        picture = photo(seed)[..., :1].astype(np.uint16) * 16
        picture[0, 0] = 65535
        return picture

    (doubt,) = doubts(pairs(tmp_path / "x", dim, ends=(".tif", ".png")))
    assert "999 of 1,000 values are below" in doubt.what
    assert "--set dataset.percentiles=[0.1,99.9]" in doubt.hint


@pytest.mark.slow
def test_floats_of_another_range_are_refused_with_a_range_that_fits(tmp_path, cli):
    pairs(tmp_path / "x", lambda i: photo(i)[..., :1].astype(np.float32) * 10 - 300, ends=(".tif", ".png"))
    done = cli("run", "pix2pix", "--dataset", "x", *TINY, "--name", "r")
    assert done.code == 3
    assert "source files: floats from -120 to 21" in done.err
    assert "--set dataset.source_range=[-120,2200]" in done.err
    done = cli("run", "pix2pix", "--dataset", "x", *TINY, "--name", "r", "--set", "dataset.source_range=[-120,2200]")
    assert done.code == 0, done.err


@pytest.mark.slow
def test_percentiles_are_the_range_and_part_of_the_checkpoint(tmp_path, cli):
    pairs(tmp_path / "x", deep, ends=(".tif", ".png"))
    stretch = ["--set", "dataset.percentiles=[1,99]"]
    done = cli("run", "pix2pix", "--dataset", "x", *TINY, "--name", "r", *stretch)
    assert done.code == 0, done.err
    assert "clipped to" in done.err
    values = np.concatenate([deep(i).ravel() for i in range(8)])
    source = data_spec(tmp_path / "runs" / "r" / "step-000002").source
    assert source.clips
    assert (source.low, source.high) == (np.floor(np.percentile(values, 1)), np.ceil(np.percentile(values, 99)))
    save(tmp_path / "in" / "bright.tif", deep(0) * 4)  # beyond the range: clipped, not refused
    done = cli("translate", "r", "in", "-o", "out")
    assert done.code == 0, done.err
    assert decode(next((tmp_path / "out").iterdir())).ndim == 3


@pytest.mark.parametrize("percentiles", [[50], [99, 1], [0, 101]])
def test_percentiles_that_are_none_are_refused(percentiles, tmp_path):
    with pytest.raises(ConfigError, match="two numbers from 0 to 100"):
        doubts(pairs(tmp_path / "x", deep, ends=(".tif", ".png")), percentiles=percentiles)


@pytest.mark.parametrize(
    ("target", "settings"),
    [
        (classes, "dataset.classes=4"),
        (lambda i: (classes(i) > 0) * np.uint8(255), "dataset.classes=2"),
        (lambda i: classes(i) * np.uint8(80), "dataset.classes=4 --set dataset.values=[0,80,160,240]"),
    ],
    ids=["numbers", "mask", "spread numbers"],
)
def test_few_values_look_like_labels(target, settings, tmp_path):
    (doubt,) = doubts(pairs(tmp_path / "x", photo, target))
    assert "look like labels of" in doubt.what
    assert doubt.hint == f"If so: --set dataset.labels=target --set {settings}"
    assert not doubt.is_fault


def test_palettes_look_like_labels_and_drawings_of_two_values_as_source_do_not(tmp_path):
    pairs(tmp_path / "x", photo)
    for i in range(8):
        Image.fromarray(sketch(i)).quantize(4).save(tmp_path / "x" / "B" / f"{i}.png")
    assert "target files: 4 different values" in doubts(tmp_path / "x")[0].what
    assert doubts(pairs(tmp_path / "y", lambda i: (classes(i) > 0) * np.uint8(255))) == ()
    labels = {"labels": "target", "classes": 4}
    assert doubts(tmp_path / "x", **labels) == ()


def test_source_equal_to_target_is_a_fault(tmp_path, cli):
    pairs(tmp_path / "x", photo)
    done = cli("run", "pix2pix", "--dataset", "x", *TINY, "--name", "r")
    assert done.code == 3
    assert "source and target are the same picture" in done.err
    checked = cli("data", "check", "x")
    assert checked.code == 3
    (tmp_path / "pairs.csv").write_text("x/A/0.png,x/A/0.png\nx/A/1.png,x/A/1.png\n")
    assert "pairs are a picture and itself" in cli("run", "pix2pix", "--dataset", "pairs.csv", *TINY).err


@pytest.mark.slow
def test_one_pair_of_equal_pictures_can_be_left_out(tmp_path, cli):
    pairs(tmp_path / "x", sketch)
    save(tmp_path / "x" / "A" / "3.png", photo(3))
    done = cli("data", "check", "x")
    assert done.code == 3
    assert "1 of 8 samples cannot be used" in done.err
    assert cli("run", "pix2pix", "--dataset", "x", *TINY, "--name", "r", "--skip-invalid").code == 0


def test_a_batch_larger_than_the_set_is_refused(tmp_path, cli):
    pairs(tmp_path / "x", sketch)
    done = cli("run", "pix2pix", "--dataset", "x", *TINY, "--batch-size", "64")
    assert done.code == 2
    assert "data.batch_size 64: there are only" in done.err
    assert "--batch-size" in done.err.splitlines()[1]


@pytest.mark.slow
def test_pages_become_channels_and_translate_reads_them_so(tmp_path, cli):
    for i in range(8):
        pages(tmp_path / "x" / "A" / f"{i}.tif", *(photo(i)[..., c] for c in range(3)), classes(i) * np.uint8(60))
        save(tmp_path / "x" / "B" / f"{i}.png", photo(i))
    done = cli("run", "pix2pix", "--dataset", "x", *TINY)
    assert "of up to 4 pages the first is read (dataset.pages=channels or slices reads all)" in done.err
    done = cli("run", "pix2pix", "--dataset", "x", *TINY, "--name", "r", "--set", "dataset.pages=channels")
    assert done.code == 0, done.err
    assert "64 x 48, 4 channels, 8 bits" in done.err
    assert cli("translate", "r", "x/A", "-o", "out").code == 0
    pages(tmp_path / "x" / "A" / "3.tif", photo(3)[..., 0], photo(3)[..., 1])
    done = cli("run", "pix2pix", "--dataset", "x", *TINY, "--set", "dataset.pages=channels")
    assert done.code == 3
    assert "x/A/3.tif: 2 pages, where other sources have 4" in done.err
