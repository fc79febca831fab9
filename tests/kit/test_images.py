import struct
import zlib

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from imtrans.errors import DataError, ShapeError
from imtrans.interfaces import ImageSpec
from imtrans.kit import images


def save(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def test_grey_colour_palette_and_alpha_have_one_meaning_each(tmp_path):
    numbers = np.random.default_rng(0)
    grey, colour, alpha = (numbers.integers(0, 256, (4, 6, c), np.uint8) for c in (1, 3, 4))
    assert np.array_equal(images.decode(save(tmp_path / "g.png", grey[..., 0])), grey)
    assert np.array_equal(images.decode(save(tmp_path / "c.png", colour)), colour)
    assert np.array_equal(images.decode(save(tmp_path / "a.png", alpha), background=None), alpha[..., :3])
    indexed = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), mode=None).convert("P")
    indexed.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    indexed.save(tmp_path / "p.png")
    assert images.decode(tmp_path / "p.png", as_labels=True)[..., 0].tolist() == [[0, 1], [2, 1]]
    assert images.decode(tmp_path / "p.png")[0, 1].tolist() == [255, 0, 0]


def test_bits_beyond_eight_are_kept(tmp_path):
    deep = np.array([[0, 300], [40_000, 65_535]], np.uint16)
    assert np.array_equal(images.decode(save(tmp_path / "d.png", deep))[..., 0], deep)
    real = np.array([[0.25, -3.5]], np.float32)
    assert np.array_equal(images.decode(save(tmp_path / "f.tif", real))[..., 0], real)


def test_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    save(tmp_path / "r.jpg", np.zeros((4, 8, 3), np.uint8), exif=exif)
    assert images.decode(tmp_path / "r.jpg").shape == (8, 4, 3)


def broken(tmp_path):
    whole = save(tmp_path / "whole.jpg", np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).read_bytes()
    png = save(tmp_path / "whole.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).read_bytes()
    spoof = tmp_path / "x.pcx"
    Image.new("L", (4, 4)).save(spoof)
    return {
        "empty.png": (b"", "the file is empty"),
        "text.png": (b"hello", "not a picture"),
        "cut.jpg": (whole[: len(whole) // 2], "broken or cut off"),
        "cut.png": (png[: len(png) // 2], "broken or cut off"),
        "spoof.png": (spoof.read_bytes(), "not a picture"),
        "eps.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n", "not a picture"),
    }


@pytest.mark.parametrize("name", ["empty.png", "text.png", "cut.jpg", "cut.png", "spoof.png", "eps.png"])
def test_what_is_not_a_whole_picture_is_refused_by_name(name, tmp_path):
    content, message = broken(tmp_path)[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        images.decode(tmp_path / name)
    assert name in str(caught.value)


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path):
    save(tmp_path / "bomb.png", np.zeros((1, 1), np.uint8))
    small = (tmp_path / "bomb.png").read_bytes()
    header = b"IHDR" + struct.pack(">II", 30_000, 30_000) + small[24:29]
    (tmp_path / "bomb.png").write_bytes(small[:12] + header + struct.pack(">I", zlib.crc32(header)) + small[33:])
    with pytest.raises(DataError, match=r"30000 x 30000 pixels are more than 64,000,000|decompression bomb"):
        images.decode(tmp_path / "bomb.png")


def test_values_that_are_not_finite_are_refused(tmp_path):
    save(tmp_path / "nan.tif", np.array([[1.0, np.nan]], np.float32))
    with pytest.raises(DataError, match="not finite"):
        images.decode(tmp_path / "nan.tif")


def test_a_folder_and_a_missing_file_are_no_pictures(tmp_path):
    with pytest.raises(DataError, match="not a regular file"):
        images.decode(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        images.decode(tmp_path / "none.png")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_16_bit_colour_is_turned_as_8_bit_colour_is(tmp_path, orientation):
    """Pillow turns the 8-bit one; the same pixels in 16 bits, which it cannot read, must end the same way."""
    small = np.random.default_rng(0).integers(0, 256, (3, 5, 3), np.uint8)
    exif = Image.Exif()
    exif[274] = orientation
    save(tmp_path / "small.png", small, exif=exif)
    chunk = next(c for c in chunks((tmp_path / "small.png").read_bytes()) if c[4:8] == b"eXIf")
    images.encode(tmp_path / "deep.png", small.astype(np.uint16) * 257)
    whole = (tmp_path / "deep.png").read_bytes()
    (tmp_path / "deep.png").write_bytes(whole[:33] + chunk + whole[33:])
    deep = images.decode(tmp_path / "deep.png")
    assert deep.dtype == np.uint16
    assert np.array_equal(deep // 257, images.decode(tmp_path / "small.png"))


def chunks(data):
    """The chunks of a PNG, each with its length, name and checksum."""
    place = 8
    while place < len(data):
        size = int.from_bytes(data[place : place + 4], "big") + 12
        yield data[place : place + size]
        place += size


@pytest.mark.parametrize(("dtype", "channels"), [(np.uint8, 1), (np.uint8, 3), (np.uint16, 1), (np.uint16, 3)])
def test_written_pictures_are_read_back_exactly(tmp_path, dtype, channels):
    picture = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (5, 7, channels)).astype(dtype)
    images.encode(tmp_path / "x.png", picture)
    assert np.array_equal(images.decode(tmp_path / "x.png"), picture)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 13])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_tiff_keeps_any_number_of_channels_exactly(tmp_path, dtype, channels):
    values = np.random.default_rng(0).random((5, 7, channels))
    picture = (values - 0.5).astype(dtype) if dtype == np.float32 else (values * np.iinfo(dtype).max).astype(dtype)
    images.encode(tmp_path / "x.tif", picture)
    read = images.decode(tmp_path / "x.tif")
    assert (read.dtype, read.shape) == (picture.dtype, picture.shape)
    assert np.array_equal(read, picture)


@pytest.mark.parametrize(
    "more",
    [
        {"planarconfig": "separate"},
        {"tile": (16, 16), "compression": "zlib"},
        {"byteorder": ">", "rowsperstrip": 3},
        {"bigtiff": True},
    ],
    ids=lambda m: "-".join(m),
)
def test_tiff_of_others_is_read_however_it_lies_in_the_file(tmp_path, more):
    picture = np.random.default_rng(0).integers(0, 65_536, (20, 18, 4)).astype(np.uint16)
    stored = np.moveaxis(picture, -1, 0) if more.get("planarconfig") else picture
    tifffile.imwrite(
        tmp_path / "x.tif", stored, photometric="minisblack", **{"planarconfig": "contig", "metadata": None, **more}
    )
    assert np.array_equal(images.decode(tmp_path / "x.tif"), picture)


def test_alpha_is_left_out_and_a_fourth_channel_of_data_is_not(tmp_path):
    picture = np.random.default_rng(0).integers(0, 65_536, (4, 5, 4)).astype(np.uint16)
    for kind, channels in (("unassalpha", 3), ("unspecified", 4)):
        tifffile.imwrite(tmp_path / "x.tif", picture, photometric="rgb", extrasamples=[kind], metadata=None)
        assert np.array_equal(images.decode(tmp_path / "x.tif", background=None), picture[..., :channels])


@pytest.mark.parametrize(
    ("name", "dtype", "channels", "hint"),
    [
        ("x.xyz", np.uint8, 3, "Use .png or .tif"),
        ("x.jpg", np.uint16, 3, "Use .png or .tif"),
        ("x.png", np.float32, 1, "Use .tif"),
        ("x.png", np.uint8, 2, "Use .tif"),
        ("x", np.uint8, 3, "Use .png or .tif"),
    ],
)
def test_a_format_that_cannot_hold_the_picture_is_said_and_nothing_is_cut(tmp_path, name, dtype, channels, hint):
    with pytest.raises(DataError, match="cannot hold") as caught:
        images.encode(tmp_path / name, np.zeros((4, 4, channels), dtype))
    assert hint in caught.value.hint
    assert not (tmp_path / name).exists()


def test_the_suffix_for_a_signal_holds_it():
    assert images.suffix_for(ImageSpec()) == images.suffix_for(ImageSpec(bits=16, high=65_535, channels=1)) == ".png"
    assert images.suffix_for(ImageSpec(kind="labels", channels=1, classes=3)) == ".png"
    assert images.suffix_for(ImageSpec(channels=2)) == images.suffix_for(ImageSpec(bits=32, kind="data")) == ".tif"
    assert images.suffix_for(ImageSpec(space="lab-ab", channels=2, bits=32)) == ".png"


def test_labels_are_written_in_their_palette_and_read_back(tmp_path):
    ids = np.array([[[0], [2]], [[1], [2]]], np.uint8)
    images.encode(tmp_path / "x.png", ids, palette=[[9, 8, 7], [255, 0, 0], [0, 255, 0]])
    found = images.label_map(tmp_path / "x.png")
    assert np.array_equal(found.ids, ids)
    assert (found.mode, found.palette[:2]) == ("P", ((9, 8, 7), (255, 0, 0)))
    assert images.decode(tmp_path / "x.png")[0, 0].tolist() == [9, 8, 7]


def test_grey_pictures_are_label_maps_and_colour_is_none(tmp_path):
    for dtype in (np.uint8, np.uint16):
        ids = np.arange(12).reshape(3, 4).astype(dtype)
        assert np.array_equal(images.label_map(save(tmp_path / "x.png", ids)).ids[..., 0], ids)
    save(tmp_path / "c.png", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(DataError, match=r"c\.png: mode RGB is a picture, not a label map"):
        images.decode(tmp_path / "c.png", as_labels=True)


def test_the_strongest_plane_is_the_label():
    planes = torch.tensor([[[0.1, 0.9]], [[0.2, -1.0]], [[0.0, 1.0]]])
    stored = images.from_range(planes, ImageSpec(kind="labels", channels=1, classes=3))
    assert (stored.dtype, stored.tolist()) == (np.uint8, [[[1], [2]]])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_16_bit_colour_in_tiff_is_turned_as_8_bit_colour_is(tmp_path, orientation):
    small = np.random.default_rng(0).integers(0, 256, (3, 5, 3), np.uint8)
    for name, picture in (("small.tif", small), ("deep.tif", small.astype(np.uint16) * 257)):
        tifffile.imwrite(
            tmp_path / name, picture, photometric="rgb", extratags=[(274, 3, 1, orientation)], metadata=None
        )
    assert np.array_equal(images.decode(tmp_path / "deep.tif") // 257, images.decode(tmp_path / "small.tif"))


def test_two_halves_put_together_and_taken_apart_are_the_same(tmp_path):
    source, target = np.random.default_rng(0).integers(0, 256, (2, 5, 6, 3)).astype(np.uint8)
    images.encode(tmp_path / "x.png", np.concatenate([source, target], axis=1))
    whole = images.decode(tmp_path / "x.png")
    assert np.array_equal(whole[:, :6], source)
    assert np.array_equal(whole[:, 6:], target)


@pytest.mark.parametrize("bits", [8, 16])
def test_the_range_and_back_is_exact_for_every_whole_number(bits):
    spec = ImageSpec(channels=1, bits=bits, high=2**bits - 1)
    stored = np.arange(2**bits).astype(np.uint8 if bits == 8 else np.uint16)[None, :, None]
    image = images.to_range(torch.from_numpy(stored.astype(np.int32)).movedim(-1, 0), spec)
    assert (image.min(), image.max()) == (-1, 1)
    assert np.array_equal(images.from_range(image, spec), stored)


def test_channels_are_repeated_weighted_or_refused():
    grey = np.full((2, 2, 1), 9, np.uint8)
    assert images.with_channels(grey, 3).tolist() == [[[9, 9, 9]] * 2] * 2
    colour = np.array([[[100, 50, 10]]], np.uint8)
    assert images.with_channels(colour, 1).item() == round(0.299 * 100 + 0.587 * 50 + 0.114 * 10)
    with pytest.raises(ShapeError, match="x: 3 channels where 2 are wanted"):
        images.with_channels(colour, 2, name="x")


def test_labels_are_shown_in_their_palette():
    spec = ImageSpec(kind="labels", channels=1, classes=2, palette=[[1, 2, 3], [4, 5, 6]])
    planes = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert images.to_display(planes, spec).tolist() == [[[1, 2, 3], [4, 5, 6]]]
