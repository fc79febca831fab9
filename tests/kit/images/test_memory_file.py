"""A picture in memory is read as the same file on the disk."""

import numpy as np
import pytest

from imtrans.errors import DataError
from imtrans.kit.images import decode, encode, header, label_map
from imtrans.kit.images.conform import decode_with_bits
from imtrans.kit.images.readers.memory_file import MemoryFile

RAMP = np.arange(20 * 30 * 3, dtype=np.uint16).reshape(20, 30, 3) * 36
PICTURES = {
    "rgb.png": (RAMP >> 8).astype(np.uint8),
    "deep.png": RAMP,
    "rgb.jpg": (RAMP >> 8).astype(np.uint8),
    "deep.ppm": RAMP,
    "rgb.webp": (RAMP >> 8).astype(np.uint8),
    "float.tif": RAMP.astype(np.float32) / 65535,
    "five.npy": np.concatenate([RAMP, RAMP[..., :2]], axis=-1),
}


@pytest.fixture(params=PICTURES)
def both(request, tmp_path):
    path = tmp_path / request.param
    encode(path, PICTURES[request.param])
    return path, MemoryFile(f"shard.tar: {path.name}", path.read_bytes())


def test_pixels_bits_and_header_are_those_of_the_file(both):
    path, memory = both
    picture, bits = decode_with_bits(path)
    again, its_bits = decode_with_bits(memory)
    assert picture.dtype == again.dtype
    assert np.array_equal(picture, again)
    assert bits == its_bits
    assert header(path) == header(memory)


def test_an_npz_is_read_from_memory(tmp_path):
    np.savez(tmp_path / "a.npz", image=RAMP)
    assert np.array_equal(decode(MemoryFile("a.npz", (tmp_path / "a.npz").read_bytes())), RAMP)


def test_a_label_map_keeps_its_palette(tmp_path):
    path = tmp_path / "map.png"
    encode(path, np.eye(8, dtype=np.uint8)[..., None], palette=[(0, 0, 0), (9, 8, 7)])
    labels = label_map(MemoryFile("map", path.read_bytes()))
    assert labels.palette[:2] == ((0, 0, 0), (9, 8, 7))
    assert np.array_equal(labels.ids[..., 0], np.eye(8))


@pytest.mark.parametrize(("content", "why"), [(b"", "the file is empty"), (b"words", "not a picture")])
def test_what_is_no_picture_is_named(content, why):
    with pytest.raises(DataError, match=rf"set\.tar: a\.png: {why}"):
        decode(MemoryFile("set.tar: a.png", content))


def test_a_picture_that_is_cut_off_is_named(both):
    _, memory = both
    with pytest.raises(DataError, match=r"shard\.tar"):
        decode(MemoryFile(memory.name, memory.content[: len(memory.content) * 2 // 3]))


def test_the_header_of_what_is_no_picture_says_so_without_the_objects_behind_it():
    with pytest.raises(DataError) as refused:
        header(MemoryFile("a.png", b"x" * 30))
    assert str(refused.value.what) == "a.png: not a picture (its content is of no known format)"
