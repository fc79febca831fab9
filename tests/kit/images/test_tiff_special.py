"""TIFF files as other programs write them, and as attackers do."""

import contextlib
import itertools
import resource
import struct
import sys
import time
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from kit.images import tiff_writer
from kit.images.tiff_writer import tiff

from imtrans.errors import DataError
from imtrans.kit.images import decode, header, label_map

GREY = np.arange(48, dtype=np.uint16).reshape(6, 8, 1) * 1000
COLOUR = np.random.default_rng(0).integers(0, 65_536, (6, 8, 3)).astype(np.uint16)
PLAIN = {
    tiff_writer.WIDTH: 8,
    tiff_writer.HEIGHT: 6,
    tiff_writer.BITS: 16,
    tiff_writer.COMPRESSION: 1,
    tiff_writer.PHOTOMETRIC: 1,
    tiff_writer.SAMPLES: 1,
    tiff_writer.ROWS: 3,
}


def saved(path, array, **how):
    tifffile.imwrite(path, array, metadata=None, **how)
    return path


@pytest.mark.parametrize(("nodata", "filler"), [(b"7", 7), (b"0", 0), (None, None), (b"-9999", None), (b"nan", None)])
def test_strips_that_were_never_written_get_the_value_of_no_data(nodata, filler, tmp_path):
    path = tmp_path / "sparse.tif"
    tags = PLAIN | ({tiff_writer.NODATA: nodata} if nodata else {})
    path.write_bytes(tiff([None, GREY[3:].tobytes()], tags))
    if filler is None:
        with pytest.raises(DataError, match="tiles were never written, and the file names no value for them") as caught:
            decode(path)
        assert "SPARSE_OK" in caught.value.hint
    else:
        assert np.array_equal(decode(path)[3:], GREY[3:])
        assert (decode(path)[:3] == filler).all()


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64"])
def test_negative_numbers_are_refused_for_any_number_of_channels(dtype, tmp_path):
    for channels, photometric in itertools.product((1, 2, 3, 5), ("minisblack", "miniswhite")):
        array = np.ones((6, 8, channels), dtype)
        array[2, 3, -1] = -5
        how = {"planarconfig": "contig"} if channels > 1 else {}
        path = saved(tmp_path / "x.tif", array if channels > 1 else array[..., 0], photometric=photometric, **how)
        with pytest.raises(DataError, match=rf"x\.tif: holds negative {dtype} values, down to -5") as caught:
            decode(path)
        assert "float32" in caught.value.hint


@pytest.mark.parametrize("dtype", ["uint32", "int32", "uint64", "int64"])
def test_numbers_beyond_16_bits_are_refused_with_the_greatest(dtype, tmp_path):
    path = saved(tmp_path / "x.tif", np.array([[0, 70_000]], dtype))
    for as_labels in (False, True):
        with pytest.raises(DataError, match=rf"holds {dtype} values up to 70000; at most 65535 is read"):
            decode(path, as_labels=as_labels)


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex_numbers_are_refused(dtype, tmp_path):
    path = saved(tmp_path / "x.tif", np.ones((6, 8), dtype))
    for read in (decode, header):
        with pytest.raises(DataError, match=r"samples of (64|128) bits, format COMPLEXIEEEFP, are not read"):
            read(path)


@pytest.mark.parametrize("compression", ["jpegxl", "png", "jpeg2000"])
def test_other_compressions_are_refused_by_name(compression, tmp_path):
    path = saved(tmp_path / "x.tif", COLOUR, photometric="rgb", compression=compression)
    with pytest.raises(DataError, match=rf"TIFF compressed with {compression.upper()} is not read"):
        decode(path)


@pytest.mark.parametrize(
    ("photometric", "name"), [(8, "CIELAB"), (32803, "CFA"), (6, "YCBCR without JPEG"), (99, "99")]
)
def test_other_colours_are_refused_by_name(photometric, name, tmp_path):
    samples = {tiff_writer.SAMPLES: 3, tiff_writer.BITS: [16] * 3, tiff_writer.PHOTOMETRIC: photometric}
    (tmp_path / "x.tif").write_bytes(tiff([COLOUR[:3].tobytes(), COLOUR[3:].tobytes()], PLAIN | samples))
    for read in (decode, header):
        with pytest.raises(DataError, match=rf"TIFF colours of the kind {name} are not read"):
            read(tmp_path / "x.tif")


def test_without_imagecodecs_the_compression_is_named(tmp_path, monkeypatch):
    plain, packed = saved(tmp_path / "plain.tif", GREY[..., 0]), tmp_path / "x.tif"
    saved(packed, GREY, compression="zlib")
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    assert np.array_equal(decode(plain), GREY)
    with pytest.raises(DataError, match="compressed with ADOBE_DEFLATE needs imagecodecs") as caught:
        decode(packed)
    assert caught.value.hint == "pip install imagecodecs"


def test_of_a_pyramid_the_full_size_is_read_and_noted(tmp_path, caplog):
    for is_below in (True, False):
        with tifffile.TiffWriter(tmp_path / "x.tif") as file:
            file.write(COLOUR, photometric="rgb", subifds=1 if is_below else 0, metadata=None)
            file.write(COLOUR[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
        caplog.clear()
        with caplog.at_level("INFO"):
            assert np.array_equal(decode(tmp_path / "x.tif"), COLOUR)
        assert [r.message.endswith("2 pages; the first is taken (8 x 6 pixels)") for r in caplog.records] == (
            [] if is_below else [True]
        )


def test_a_hundred_thousand_pages_are_not_counted_to_their_end(tmp_path):
    page = tiff([b"\7"], dict.fromkeys(PLAIN, 1) | {tiff_writer.BITS: 8})[9:-4]
    whole = b"II*\0" + struct.pack("<I", 9) + b"\7"
    chain = b"".join(page + struct.pack("<I", 9 + (i + 1) * (len(page) + 4)) for i in range(100_000))
    (tmp_path / "x.tif").write_bytes(whole + chain)
    began = time.perf_counter()
    assert decode(tmp_path / "x.tif").tolist() == [[[7]]]
    assert header(tmp_path / "x.tif").pages == 10_000
    assert time.perf_counter() - began < 1


def test_inks_are_seen_as_light(tmp_path):
    for dtype, white in (("uint8", 255), ("uint16", 65535)):
        inks = np.array([[[0, 0, 0, 0], [white, 0, 0, 0], [0, 0, 0, white]]], dtype)
        path = saved(tmp_path / "x.tif", inks, photometric="separated", planarconfig="contig")
        assert decode(path).tolist() == [[[white] * 3, [0, white, white], [0, 0, 0]]]
        assert header(path).channels == 3


def test_big_tiff_of_both_byte_orders(tmp_path):
    for byteorder, kind in itertools.product("<>", ("<u2", ">u2")):
        if byteorder != kind[0]:
            continue
        data = GREY.astype(kind)
        (tmp_path / "x.tif").write_bytes(
            tiff([data[:3].tobytes(), data[3:].tobytes()], PLAIN, byteorder=byteorder, is_big=True)
        )
        assert np.array_equal(decode(tmp_path / "x.tif"), GREY)


def test_a_label_map_is_never_inverted(tmp_path):
    for dtype in ("uint8", "uint16", "int16"):
        ids = np.arange(12, dtype=dtype).reshape(3, 4)
        path = saved(tmp_path / "x.tif", ids, photometric="miniswhite")
        assert label_map(path).ids[..., 0].tolist() == ids.tolist()


BOMB = np.zeros((512, 4096), np.uint8)
CLAIMS = {
    8: lambda: zlib.compress(BOMB.tobytes()),
    50000: lambda: imagecodecs.zstd_encode(BOMB.tobytes()),
    32773: lambda: imagecodecs.packbits_encode(BOMB.tobytes()),
    7: lambda: imagecodecs.jpeg_encode(BOMB),
    34887: lambda: imagecodecs.lerc_encode(BOMB),
    50001: lambda: imagecodecs.webp_encode(np.dstack([BOMB] * 3), lossless=True),
}


@pytest.mark.slow
@pytest.mark.parametrize("compression", CLAIMS)
def test_a_strip_that_holds_more_than_its_header_says_is_refused(compression, tmp_path):
    samples = 3 if compression == 50001 else 1
    tags = PLAIN | {
        tiff_writer.BITS: [8] * samples,
        tiff_writer.SAMPLES: samples,
        tiff_writer.ROWS: 6,
        tiff_writer.COMPRESSION: compression,
        tiff_writer.PHOTOMETRIC: 2 if samples == 3 else 1,
    }
    (tmp_path / "x.tif").write_bytes(tiff([CLAIMS[compression]()], tags))
    with pytest.raises(DataError, match="unpacks to more than its header says"):
        decode(tmp_path / "x.tif")


def lie(**changed):
    return PLAIN | {getattr(tiff_writer, name): value for name, value in changed.items()}


LIES = {
    "65535-wide": ([b"x"], lie(WIDTH=65_535, HEIGHT=65_535, ROWS=65_535), "65535 x 65535 pixels"),
    "channels": ([b"x"], lie(SAMPLES=60_000, BITS=16, ROWS=6), "is not read"),
    "tile": ([b"x"], lie(TILE_WIDTH=1 << 30, TILE_HEIGHT=1 << 20), "far larger than the picture"),
    "no-rows": ([b"x"], lie(ROWS=0), "."),
    "no-strips": ([b"x"], lie(ROWS=1), "."),
    "short": ([GREY[:2].tobytes(), GREY[3:].tobytes()], lie(), "broken or cut off|corrupted"),
    "jpeg": ([b"\xff\xd8" + b"\xff" * 100_000], lie(COMPRESSION=7, BITS=8, ROWS=6), "broken or cut off"),
    "lerc": ([b"Lerc2 \4"], lie(COMPRESSION=34887, ROWS=6), "broken or cut off"),
    "webp": ([b"RIFF"], lie(COMPRESSION=50001, BITS=8, ROWS=6), "broken or cut off"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_header_that_lies_costs_neither_time_nor_memory(name, tmp_path):
    chunks, tags, message = LIES[name]
    (tmp_path / "x.tif").write_bytes(tiff(chunks, tags))
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises(DataError, match=message):
        decode(tmp_path / "x.tif")
    assert time.perf_counter() - began < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024, "kilobytes"


@pytest.mark.slow
def test_any_changed_byte_ends_in_a_picture_or_in_one_error(tmp_path):
    path, numbers = tmp_path / "x.tif", np.random.default_rng(0)
    for compression in ("zlib", "lzw", "zstd", "packbits", "jpeg", "lerc", "webp"):
        array = COLOUR.astype(np.uint8)
        whole = saved(path, array, photometric="rgb", compression=compression).read_bytes()
        for place in numbers.integers(0, len(whole), 60):
            path.write_bytes(whole[:place] + struct.pack("B", numbers.integers(256)) + whole[place + 1 :])
            for read in (decode, header):
                with contextlib.suppress(DataError):
                    read(path)


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_what_rasterio_writes_is_read(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    for count, dtype, interleave in itertools.product((1, 2, 3, 4, 5), ("uint8", "uint16", "int16", "float32"), "pb"):
        array = np.random.default_rng(count).random((count, 19, 37)) * (1 if dtype == "float32" else 100)
        how = {"interleave": {"p": "pixel", "b": "band"}[interleave], "tiled": True, "blockxsize": 16, "blockysize": 16}
        profile = {"width": 37, "height": 19, "count": count, "dtype": dtype, "compress": "deflate", **how}
        with rasterio.open(tmp_path / "x.tif", "w", driver="GTiff", **profile) as file:
            file.write(array.astype(dtype))
        with rasterio.open(tmp_path / "x.tif") as file:
            stored = np.moveaxis(file.read(), 0, -1)
        picture = decode(tmp_path / "x.tif", background=None)
        assert np.array_equal(picture, stored[..., : picture.shape[-1]]), (count, dtype, interleave)
        assert picture.shape[-1] == (3 if count == 4 and dtype == "uint8" else count)
        with rasterio.open(tmp_path / "s.tif", "w", driver="GTiff", sparse_ok=True, nodata=7, **profile):
            pass
        assert (decode(tmp_path / "s.tif", background=None) == 7).all()
