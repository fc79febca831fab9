"""Arrays of NumPy as pictures: each is read as it was saved, or refused by its right name; nothing is unpickled."""

import contextlib
import io
import itertools
import json
import os
import resource
import struct
import time

import numpy as np
import pytest

from imtrans.errors import DataError
from imtrans.kit.images import decode, encode, header, label_map

HEIGHT, WIDTH = 5, 7
NUMBERS = np.random.default_rng(0)
READ_AS = {"uint8": "uint8", "int8": "uint8", "float16": "float32", "float32": "float32", "float64": "float32"}
WHOLE = [f"{sign}int{bits}" for sign in ("u", "") for bits in (8, 16, 32, 64)]


def values(dtype, *shape):
    """From 0 to the greatest value that is read."""
    highest = 1 if dtype.startswith("float") else min(np.iinfo(dtype).max, 65535)
    return (NUMBERS.random(shape) * highest).astype(dtype)


def saved(path, array, **how):
    np.save(path, array, **how)
    return path


@pytest.mark.parametrize("dtype", [*WHOLE, "float16", "float32", "float64"])
def test_every_type_shape_order_and_byte_order_is_read_exactly(dtype, tmp_path):
    for channels, is_fortran, order in itertools.product((0, 1, 2, 3, 4, 5), (False, True), "<>"):
        array = values(dtype, *((HEIGHT, WIDTH, channels) if channels else (HEIGHT, WIDTH)))
        stored = array.astype(array.dtype.newbyteorder(order))
        path = saved(tmp_path / "x.npy", np.asfortranarray(stored) if is_fortran else stored)
        picture, read = decode(path), header(path)
        assert picture.dtype.name == read.dtype == READ_AS.get(dtype, "uint16")
        assert picture.shape == (read.height, read.width, read.channels) == (HEIGHT, WIDTH, channels or 1)
        assert np.array_equal(picture.reshape(array.shape), array.astype(READ_AS.get(dtype, "uint16")))
        assert picture.flags.c_contiguous
        assert picture.dtype.isnative
        assert (read.format, read.has_end, read.has_alpha) == ("NPY", True, False)


def test_truth_values_are_one_bit(tmp_path):
    for shape in ((HEIGHT, WIDTH), (HEIGHT, WIDTH, 3)):
        array = NUMBERS.random(shape) > 0.5
        path = saved(tmp_path / "x.npy", array)
        assert np.array_equal(decode(path).reshape(shape), array * 255)
        assert header(path).bits == 1
    path = saved(tmp_path / "x.npy", array[..., 0])
    assert np.array_equal(label_map(path).ids[..., 0], array[..., 0])
    assert label_map(path).mode == header(path).mode == "1"


@pytest.mark.parametrize("dtype", WHOLE)
def test_label_maps_are_read_as_stored(dtype, tmp_path):
    ids = values(dtype, HEIGHT, WIDTH)
    labels = label_map(saved(tmp_path / "x.npy", ids))
    assert np.array_equal(labels.ids[..., 0], ids)
    assert labels.mode == ("L" if ids.dtype.itemsize == 1 else "I;16")


def test_floats_and_colours_are_no_label_maps(tmp_path):
    for array, mode in ((values("float32", 4, 4), "F"), (values("uint8", 4, 4, 3), "RGB")):
        with pytest.raises(DataError, match=f"mode {mode} is a picture, not a label map"):
            label_map(saved(tmp_path / "x.npy", array))


class Bomb:
    """Pickled, it would make a folder when it is read."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


REFUSED = {
    "negative": (np.array([[0, -5]], np.int16), "holds negative int16 values, down to -5"),
    "beyond": (np.array([[0, 70_000]]), "holds int64 values up to 70000; at most 65535 is read"),
    "nan": (np.array([[0, np.nan]]), "not finite"),
    "too-great": (np.array([[0, 1e300]]), "not finite"),
    "complex": (np.ones((4, 4), complex), "an array of type complex128 is not read"),
    "text": (np.array([["a", "b"]]), "an array of type <U1 is not read"),
    "records": (np.zeros((4, 4), [("x", "f4")]), "is not read"),
    "dates": (np.zeros((4, 4), "M8[s]"), "an array of type datetime64"),
    "one-axis": (np.zeros(16, np.uint8), "an array of 16 is no picture"),
    "no-axis": (np.uint8(3), "an array of one value is no picture"),
    "four-axes": (np.zeros((1, 4, 4, 3), np.uint8), "an array of 1 x 4 x 4 x 3 is no picture"),
    "empty": (np.zeros((0, 4), np.uint8), "an array of 0 x 4 is no picture"),
    "many": (np.zeros((8, 8, 1025), np.uint8), "an array of 8 x 8 x 1025 is no picture"),
    "first": (np.zeros((3, 40, 33), np.uint8), "an array of 3 x 40 x 33 has its channels first"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_arrays_are_refused_by_name(name, tmp_path):
    array, message = REFUSED[name]
    path = saved(tmp_path / "x.npy", array)
    with pytest.raises(DataError, match=message) as caught:
        decode(path)
    assert str(path) in caught.value.what
    if name == "first":
        assert "np.moveaxis(array, 0, -1)" in caught.value.hint
        assert decode(saved(path, np.moveaxis(array, 0, -1))).shape == (40, 33, 3)


def test_objects_are_never_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    array = np.empty((4, 4), object)
    array[...] = Bomb()
    saved(tmp_path / "x.npy", array, allow_pickle=True)
    for read in (decode, header, label_map):
        with pytest.raises(DataError, match="an array of Python objects is not read"):
            read(tmp_path / "x.npy")
    assert not os.path.exists("unpickled")


def claim(shape, descr="<f4", version=(1, 0)):
    """An array file of a few bytes that says it holds an array of this shape."""
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version == (1, 0) else "<I", len(text)) + text + b"1234"


LIES = {
    "pixels": (claim((100_000, 100_000)), "100000 x 100000 pixels"),
    "channels": (claim((8_000, 8_000, 1_000)), "8000 x 8000 pixels of 1000 channels are more than 64,000,000"),
    "short": (claim((8_000, 8_000)), "broken or cut off"),
    "huge": (claim((10**30, 10**30)), "pixels"),
    "below-zero": (claim((-4, -4)), "is no picture"),
    "wide-type": (claim((4, 4), "V2000000000"), "is not read"),
    "inner-array": (claim((4, 4), ("<f4", (1_000_000,))), "."),
    "version": (claim((4, 4), version=(3, 0)), "version 3.0 is not read"),
    "no-dict": (b"\x93NUMPY\1\0\4\0" + b"1+1\n", "."),
    "code": (b"\x93NUMPY\1\0\x14\0" + b"__import__('os').x()", "."),
    "deep": (b"\x93NUMPY\1\0" + struct.pack("<H", 9_000) + b"(" * 9_000, "."),
    "long": (b"\x93NUMPY\2\0" + struct.pack("<I", 2**31) + b"{}", "."),
    "python2": (b"\x93NUMPY\1\0\5\0" + b"(3L, ", "."),
    "magic-alone": (b"\x93NUMPY", "."),
}


@pytest.mark.parametrize("name", LIES)
def test_a_header_that_lies_costs_neither_time_nor_memory(name, tmp_path):
    content, message = LIES[name]
    (tmp_path / "x.npy").write_bytes(content)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises(DataError, match=message):
        decode(tmp_path / "x.npy")
    with contextlib.suppress(DataError):
        assert not header(tmp_path / "x.npy").has_end
    assert time.perf_counter() - began < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024, "kilobytes"


def test_a_file_longer_or_shorter_than_its_header_says_is_broken(tmp_path):
    whole = saved(tmp_path / "x.npy", values("uint8", 4, 4)).read_bytes()
    for content in (whole[:-1], whole + b"\0", whole + whole):
        (tmp_path / "x.npy").write_bytes(content)
        assert not header(tmp_path / "x.npy").has_end
        with pytest.raises(DataError, match=r"x\.npy: broken or cut off"):
            decode(tmp_path / "x.npy")


@pytest.mark.slow
def test_any_changed_byte_ends_in_a_picture_or_in_one_error(tmp_path):
    stream = io.BytesIO()
    np.save(stream, values("uint16", 4, 4, 3))
    whole = stream.getvalue()
    for place, value in itertools.product(range(128), NUMBERS.integers(0, 256, 8)):
        (tmp_path / "x.npy").write_bytes(whole[:place] + bytes([value]) + whole[place + 1 :])
        for read in (decode, header):
            with contextlib.suppress(DataError):
                read(tmp_path / "x.npy")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_what_is_written_is_read_by_numpy_and_by_us(dtype, channels, tmp_path):
    picture = values(dtype, HEIGHT, WIDTH, channels)
    encode(tmp_path / "x.npy", picture)
    assert np.array_equal(decode(tmp_path / "x.npy"), picture)
    assert np.array_equal(np.load(tmp_path / "x.npy"), picture[..., 0] if channels == 1 else picture)


@pytest.mark.slow
def test_a_folder_of_arrays_is_checked_trained_on_and_translated(cli, tmp_path):
    for split, side in itertools.product(("train", "val"), "AB"):
        (tmp_path / "x" / split / side).mkdir(parents=True)
        for i in range(4):
            seed = 2 * i + (split == "val")
            array = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8)
            saved(tmp_path / "x" / split / side / f"{i}.npy", array if side == "A" else 255 - array)
    done = cli("data", "check", "./x")
    assert done.code == 0, done.err
    steps = ("--steps", "1", "--set", "data.size=32", "--set", "train.num_samples=1", "--set", "metrics=l1")
    done = cli("run", "pix2pix", "--dataset", "./x", "--name", "r", "--set", "generator.depth=5", *steps)
    assert done.code == 0, done.err + done.out
    done = cli("translate", "r", "x/val/A/0.npy", "-o", "out.npy")
    assert done.code == 0, done.err
    assert np.load(tmp_path / "out.npy").shape == (32, 32, 3)
    (tmp_path / "x" / "train" / "A" / "3.npy").write_bytes(b"\x93NUMPY\1\0")
    done = cli("data", "check", "./x", "--json")
    assert done.code == 3
    assert "3.npy" in json.dumps(json.loads(done.out))
