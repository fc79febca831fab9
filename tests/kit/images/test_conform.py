"""Depths and ranges by one rule: that of the header's bits."""

import cv2
import numpy as np
import pytest
import tiff_writer

from imtrans.errors import DataError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import decode, header
from imtrans.kit.images.conform import conform, rescale, spec_of


def packed(path, array, bits):
    tags = {
        tiff_writer.WIDTH: array.shape[1],
        tiff_writer.HEIGHT: array.shape[0],
        tiff_writer.BITS: [bits],
        tiff_writer.COMPRESSION: 1,
        tiff_writer.PHOTOMETRIC: 1,
        tiff_writer.SAMPLES: 1,
        tiff_writer.ROWS: array.shape[0],
    }
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(tiff_writer.tiff([tiff_writer.packed(array, bits)], tags))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_few_bits_are_read_as_sixteen_and_compare_equal_to_them(bits, tmp_path, cli):
    array = np.random.default_rng(bits).integers(0, 2**bits, (16, 18, 1)).astype(np.uint16)
    path = packed(tmp_path / "one" / "x.tif", array, bits)
    spec = spec_of(channels=1, bits=header(path).bits)
    assert (spec.bits, spec.high) == (16, 65535)
    deep = conform(decode(path), spec, bits=bits, name="x")
    assert np.array_equal(deep, np.rint(array * (65535 / (2**bits - 1))))
    (tmp_path / "two").mkdir()
    cv2.imwrite(str(tmp_path / "two" / "x.png"), deep)
    done = cli("evaluate", "one", "two")
    l1 = next(line.split()[1] for line in done.out.splitlines() if line.split()[:1] == ["l1"])
    assert float(l1) < 2 / 65535
    own = ImageSpec(kind="image", channels=1, low=0, high=2**bits - 1, bits=16)
    assert np.array_equal(conform(decode(path), own, bits=bits, name="x"), array), (
        "with a range of one's own: as stored"
    )


@pytest.mark.parametrize("stored", [0, 1, 128, 254, 255])
def test_eight_bits_survive_the_way_to_sixteen_and_back(stored):
    eight, sixteen = spec_of(channels=1, bits=8), spec_of(channels=1, bits=16)
    there = conform(np.full((1, 1, 1), stored, np.uint8), sixteen, bits=8, name="x")
    assert there.item() == 257 * stored
    assert conform(there, eight, bits=16, name="x").item() == stored


def test_values_outside_a_range_are_refused_with_what_sets_it():
    heights = ImageSpec(kind="data", channels=1, low=-5, high=5, bits=32)
    with pytest.raises(DataError, match="x: values from 0 to 6; allowed are -5 to 5") as caught:
        conform(np.array([[[0.0], [6.0]]], np.float32), heights, bits=32, name="x", option="--set dataset.source_range")
    assert "--set dataset.source_range" in caught.value.hint
    assert rescale(np.array([0, 10]), heights, low=0, high=10).tolist() == [-5, 5]
