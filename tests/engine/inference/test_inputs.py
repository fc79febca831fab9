"""A trained model reads its inputs as its training data were read, and refuses what training refuses."""

import cv2
import numpy as np
import pytest
import tifffile
from factories import TINY
from PIL import Image

import imtrans
from imtrans.engine.inference.inputs import read_array, read_file
from imtrans.errors import DataError, ShapeError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import decode
from imtrans.kit.images.conform import spec_of

PHOTO = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)
EIGHT, SIXTEEN, FLOAT = (spec_of(channels=3, bits=bits) for bits in (8, 16, 32))


def saved(path, array):
    if path.suffix == ".tif":
        tifffile.imwrite(path, array, photometric="rgb" if array.ndim == 3 else "minisblack")
    else:
        cv2.imwrite(str(path), array[..., ::-1] if array.ndim == 3 else array)
    return path


@pytest.mark.parametrize(
    ("stored", "spec", "expected"),
    [
        (PHOTO, EIGHT, PHOTO),
        (PHOTO.astype(np.uint16) * 257, EIGHT, PHOTO),
        (PHOTO, SIXTEEN, PHOTO.astype(np.uint16) * 257),
        (PHOTO[..., 0], EIGHT, np.repeat(PHOTO[..., :1], 3, axis=-1)),
    ],
    ids=["as trained", "16 to 8 bits", "8 to 16 bits", "grey to RGB"],
)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_files_of_other_depths_and_grey_ones_are_converted(stored, spec, expected, suffix, tmp_path):
    array = read_file(saved(tmp_path / f"x{suffix}", stored), spec)
    assert array.dtype == expected.dtype
    assert np.array_equal(array, expected)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_whole_numbers_are_refused_by_a_model_of_floats_and_floats_by_one_of_whole_numbers(suffix, tmp_path):
    with pytest.raises(DataError, match="whole numbers of 16 bits, where floats from 0 to 1 are read") as caught:
        read_file(saved(tmp_path / f"x{suffix}", PHOTO.astype(np.uint16)), FLOAT)
    assert "--source-range" in caught.value.hint
    with pytest.raises(DataError, match="float values, where whole numbers of 8 bits from 0 to 255 are read"):
        read_file(saved(tmp_path / "x.tif", PHOTO.astype(np.float32) / 255), EIGHT)


def test_values_outside_the_trained_range_are_refused_from_files_and_from_python(tmp_path):
    wide = PHOTO.astype(np.float32)
    for read in (lambda: read_file(saved(tmp_path / "x.tif", wide), FLOAT), lambda: read_array(wide, FLOAT)):
        with pytest.raises(DataError, match="values from 0 to 255; allowed are 0 to 1") as caught:
            read()
        assert "--source-range LOW,HIGH" in caught.value.hint
    with pytest.raises(DataError, match="float values, where whole numbers"):
        read_array(wide / 255, EIGHT)


@pytest.mark.parametrize(
    ("spec", "stored", "limits"),
    [(FLOAT, PHOTO, (0, 255)), (FLOAT, PHOTO.astype(np.float32), (0, 255)), (EIGHT, PHOTO / np.float32(255), (0, 1))],
)
def test_a_range_that_is_given_is_scaled_to_that_of_training(spec, stored, limits):
    expected = PHOTO / np.float32(255) if spec is FLOAT else PHOTO
    np.testing.assert_allclose(read_array(stored, spec, source_range=limits), expected, atol=1e-6)
    with pytest.raises(DataError, match=r"values from 0 to .*; allowed are 0 to 0\.5"):
        read_array(stored, spec, source_range=(0, 0.5))


def test_whole_numbers_of_other_types_are_stored_values():
    heights = ImageSpec(kind="data", channels=1, low=-1000, high=1000, bits=32)
    array = np.array([[[-5], [900]]], np.int16)
    assert np.array_equal(read_array(array, heights), array)
    with pytest.raises(DataError, match="values from -5 to 1001; allowed are -1000 to 1000"):
        read_array(np.array([[[-5], [1001]]], np.int16), heights)
    with pytest.raises(ShapeError, match="takes 1 channels"):
        read_array(np.zeros((2, 2, 3), np.int16), heights)


def test_transparent_pictures_are_laid_on_the_colour_of_training(tmp_path):
    rgba = np.dstack([PHOTO, np.full(PHOTO.shape[:2], 0, np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "x.png")
    assert (read_file(tmp_path / "x.png", EIGHT) == 255).all()
    assert (read_file(tmp_path / "x.png", ImageSpec(background=(1, 2, 3))) == (1, 2, 3)).all()
    assert np.array_equal(read_file(tmp_path / "x.png", ImageSpec(background=None)), PHOTO)


@pytest.fixture
def halves(tmp_path, cli):
    """A run that was trained on halves of pictures of 48 x 32 pixels each."""
    for i in range(4):
        photo = np.random.default_rng(i).integers(0, 256, (32, 48, 3), np.uint8)
        photo = np.hstack([photo, 255 - photo])
        for split in ("train", "val"):
            (tmp_path / "x" / split).mkdir(parents=True, exist_ok=True)
            Image.fromarray(photo).save(tmp_path / "x" / split / f"{split}{i}.png")
    return tmp_path / "x" / "val" / "val1.png"


@pytest.mark.slow
@pytest.mark.parametrize(("direction", "half"), [("AtoB", "left"), ("BtoA", "right")])
def test_of_a_whole_pair_the_source_half_is_translated_and_that_is_said(direction, half, halves, tmp_path, cli):
    done = cli("run", "pix2pix", "--dataset", "./x", "--name", "r", *TINY, "--set", f"data.direction={direction}")
    assert done.code == 0, done.err
    done = cli("translate", "r", str(halves), "-o", "out")
    assert f"1 of them look like the whole pairs that the model was trained on: their {half} half" in done.err
    picture = decode(halves)
    side = picture[:, :48] if half == "left" else picture[:, 48:]
    translator = imtrans.load(tmp_path / "runs" / "r", device="cpu")
    assert np.array_equal(decode(tmp_path / "out" / "val1.png"), translator.translate(side))
    assert np.array_equal(translator.translate(halves), translator.translate(side))
    whole = cli("translate", "r", str(halves), "-o", "whole", "--whole")
    assert "half" not in whole.err
    assert decode(tmp_path / "whole" / "val1.png").shape == (32, 64, 3)  # halves of 48 pixels were trained on at 32
    Image.fromarray(side).save(tmp_path / "side.png")
    assert "half" not in cli("translate", "r", "side.png", "-o", "side").err


@pytest.mark.slow
def test_links_to_files_and_folders_are_followed_and_loops_are_named(halves, tmp_path, cli):
    assert cli("run", "pix2pix", "--dataset", "./x", "--name", "r", *TINY).code == 0
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file.png").symlink_to(halves)
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "x" / "train")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    done = cli("translate", "r", "in", "-o", "out")
    assert done.out.strip() == "5 of 5 pictures translated to out"
    assert "loop: links to a folder that has been read" in done.err
    done = cli("evaluate", "in/folder", "x/train")
    assert "4 of 4 pictures" in done.out


@pytest.mark.slow
def test_a_range_that_is_none_is_refused(halves, cli):
    assert cli("run", "pix2pix", "--dataset", "./x", "--name", "r", *TINY).code == 0
    for text in ("1", "a,b", "2,1", "1,2,3"):
        done = cli("translate", "r", str(halves), "-o", "out", "--source-range", text)
        assert (done.code, "0,255" in done.err) == (2, True), text
