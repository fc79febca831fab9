"""A thousand kinds of TIFF: each is read as it was written, or refused by its right name."""

import itertools
import zlib

import numpy as np
import pytest
import tifffile
from kit.images import tiff_writer

from imtrans.errors import DataError
from imtrans.kit.images import decode, header

HEIGHT, WIDTH = 19, 37  # no multiple of a tile
LAYOUTS = [(1, None), *itertools.product((2, 3, 4), ("contig", "separate"))]
DTYPES = ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]
PACKED = [(None, 1), ("zlib", 1), ("zlib", 0), ("lzw", 0), ("zstd", 0), ("packbits", 1), ("lzma", 0)]
READ_AS = {"uint8": "uint8", "int8": "uint8", "float16": "float32", "float32": "float32", "float64": "float32"}


def values(dtype, channels):
    """(H, W, C) from 0 to the greatest value that is read."""
    array = np.random.default_rng(channels).random((HEIGHT, WIDTH, channels))
    highest = 1 if dtype.startswith("float") else min(np.iinfo(dtype).max, 65535)
    return (array * highest).astype(dtype)


def written(path, array, planar, **how):
    """A file of (H, W, C) with the planes as told; None where tifffile cannot write such a file."""
    stored = array[..., 0] if array.shape[-1] == 1 else np.moveaxis(array, -1, 0) if planar == "separate" else array
    tifffile.imwrite(path, stored, planarconfig=planar, metadata=None, **how)
    return path


def expected(array, photometric):
    """What must be read: white as the greatest value, alpha left out, in the nearest type that is read."""
    dtype = array.dtype.name
    if photometric == "miniswhite":
        array = (1 if dtype.startswith("float") else np.iinfo(dtype).max) - array
    colours = array[..., :3] if photometric == "rgb" else array
    return colours.astype(READ_AS.get(dtype, "uint16"))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_layout_compression_predictor_and_byte_order(dtype, tmp_path):
    for i, ((channels, planar), (compression, predictor), tile) in enumerate(
        itertools.product(LAYOUTS, PACKED, (None, (16, 32)))
    ):
        turned = LAYOUTS.index((channels, planar)) + PACKED.index((compression, predictor)) + (tile is None)
        array = values(dtype, channels)
        photometric = "rgb" if channels >= 3 and i % 3 else "miniswhite" if i % 2 else "minisblack"
        if photometric == "miniswhite" and array.dtype.itemsize > 2 and array.dtype.kind != "f":
            photometric = "minisblack"  # 32-bit white would not fit into 16 bits
        how = {"tile": tile, "byteorder": "<>"[turned % 2], "photometric": photometric, "compression": compression}
        if not predictor:
            how["predictor"] = 3 if array.dtype.kind == "f" else 2
        path, case = tmp_path / "x.tif", (channels, planar, how)
        try:
            written(path, array, planar, **how)
        except ValueError:
            assert dtype == "float16" or dtype.endswith("64"), case  # no predictor for these
            continue
        picture, read = decode(path, background=None), header(path)
        assert np.array_equal(picture, expected(array, photometric)), case
        assert (read.dtype, read.channels) == (picture.dtype.name, picture.shape[-1]), case
        assert read.has_alpha == (photometric == "rgb" and channels == 4), case


@pytest.mark.parametrize(("compression", "options"), [("lerc", {}), ("webp", {"lossless": True}), ("jpeg", {})])
def test_compressions_with_a_header_of_their_own(compression, options, tmp_path):
    whole = compression != "lerc"
    for dtype, channels, tile, byteorder in itertools.product(
        ["uint8"] if whole else ["uint8", "uint16", "float32"],
        [3] if whole else [1, 3],
        (None, (16, 32)),
        "<>" if whole else "<",
    ):
        array = values(dtype, channels)
        array[...] = np.linspace(0, array.max(), WIDTH)[:, None].astype(dtype)
        path = written(
            tmp_path / "x.tif",
            array,
            "contig" if channels > 1 else None,
            photometric="rgb" if channels == 3 else "minisblack",
            compression=compression,
            compressionargs=options,
            tile=tile,
            byteorder=byteorder,
        )
        picture = decode(path)
        assert (header(path).dtype, header(path).channels) == (picture.dtype.name, picture.shape[-1])
        assert np.abs(picture.astype(np.float32) - array).max() <= (8 if compression == "jpeg" else 0)


@pytest.mark.parametrize("bits", [2, 4, 10, 12, 14])
def test_packed_bits(bits, tmp_path):
    path = tmp_path / "x.tif"
    for channels, byteorder, is_deflated in itertools.product((1, 3), "<>", (False, True)):
        array = np.random.default_rng(bits).integers(0, 2**bits, (HEIGHT, WIDTH, channels)).astype(np.uint16)
        tags = {
            tiff_writer.WIDTH: WIDTH,
            tiff_writer.HEIGHT: HEIGHT,
            tiff_writer.BITS: [bits] * channels,
            tiff_writer.COMPRESSION: 8 if is_deflated else 1,
            tiff_writer.PHOTOMETRIC: 2 if channels == 3 else 1,
            tiff_writer.SAMPLES: channels,
            tiff_writer.ROWS: HEIGHT,
        }
        strip = tiff_writer.packed(array, bits)
        content = tiff_writer.tiff([zlib.compress(strip) if is_deflated else strip], tags, byteorder=byteorder)
        path.write_bytes(content)
        scale = 255 // (2**bits - 1) if bits <= 8 else 1
        assert (header(path).bits, header(path).high) == (bits, scale * (2**bits - 1))
        assert np.array_equal(decode(path), array * scale)
        if channels == 1:
            assert np.array_equal(decode(path, as_labels=True), array)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "zstd", "packbits"])
def test_one_bit(compression, tmp_path):
    array = values("uint8", 1) > 127
    for photometric in ("minisblack", "miniswhite"):
        path = written(tmp_path / "x.tif", array, None, photometric=photometric, compression=compression)
        assert (header(path).bits, header(path).mode) == (1, "1")
        assert np.array_equal(decode(path), (array ^ (photometric == "miniswhite")) * 255)
        assert np.array_equal(decode(path, as_labels=True), array)
    written(path, values("uint8", 3) > 127, "contig", photometric="rgb")
    for read in (decode, header):
        with pytest.raises(DataError, match="1 bit and 3 channels is not read"):
            read(path)


@pytest.mark.parametrize("tile", [None, (16, 32)])
def test_palettes(tile, tmp_path):
    indices = values("uint8", 1)
    colours = np.random.default_rng(0).integers(0, 65536, (3, 256), dtype=np.uint16)
    path = written(tmp_path / "x.tif", indices, None, photometric="palette", colormap=colours, tile=tile)
    assert (header(path).is_indexed, header(path).mode, header(path).channels) == (True, "P", 3)
    assert np.array_equal(decode(path), (colours.T >> 8)[indices[..., 0]])
    assert np.array_equal(decode(path, as_labels=True), indices)


def test_a_predictor_that_the_compression_does_not_have_is_refused(tmp_path):
    path = written(tmp_path / "x.tif", values("float32", 1), None, compression="lerc", predictor=3)
    with pytest.raises(DataError, match="LERC and 32 bits with predictor 3 is not read"):
        decode(path)
