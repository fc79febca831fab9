"""Transparent pictures show a background; grey of few bits is scaled as a picture and not as labels."""

import numpy as np
import pytest
import tifffile
from kit.images.png_writer import GREY, GREY_ALPHA, INDEXED, RGB, RGBA, png
from PIL import Image

from imtrans.kit.images import decode, header, label_map

NUMBERS = np.random.default_rng(0)


def on_background(colours, alpha, background, white):
    """alpha * colour + (1 - alpha) * background by exact division, half up."""
    total = colours.astype(int) * alpha + (white - alpha.astype(int)) * np.array(background)
    return (total + white // 2) // white


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", [GREY_ALPHA, RGBA])
def test_png_with_alpha_in_each_depth(kind, bits, tmp_path):
    white = 2**bits - 1
    samples = NUMBERS.integers(0, white + 1, (5, 7, 2 if kind == GREY_ALPHA else 4))
    samples[0, :3, -1] = (0, white, 1)
    (tmp_path / "x.png").write_bytes(png(samples, bits=bits, kind=kind))
    colours, alpha = samples[..., :-1], samples[..., -1:]
    picture = decode(tmp_path / "x.png")
    assert picture.dtype == header(tmp_path / "x.png").dtype == f"uint{bits}"
    assert header(tmp_path / "x.png").channels == picture.shape[-1] == colours.shape[-1]
    assert header(tmp_path / "x.png").has_alpha
    assert np.array_equal(picture, on_background(colours, alpha, [white], white))
    assert np.array_equal(decode(tmp_path / "x.png", background=None), colours)
    if kind == RGBA:
        red = decode(tmp_path / "x.png", background=(255, 0, 51))
        assert np.array_equal(red, on_background(colours, alpha, [white, 0, white // 5], white))
    samples[..., -1] = white
    (tmp_path / "x.png").write_bytes(png(samples, bits=bits, kind=kind))
    assert np.array_equal(decode(tmp_path / "x.png", background=(1, 2, 3)), colours)


@pytest.mark.parametrize(("kind", "bits"), [(GREY, b) for b in (1, 2, 4, 8, 16)] + [(RGB, 8), (RGB, 16)])
def test_the_one_transparent_colour_of_a_png_becomes_the_background(kind, bits, tmp_path):
    white = 2**bits - 1
    samples = NUMBERS.integers(0, white + 1, (5, 7, 3 if kind == RGB else 1))
    samples[1:3, 2:5] = 1
    key = b"\0\1" * samples.shape[-1]
    (tmp_path / "x.png").write_bytes(png(samples, bits=bits, kind=kind, transparent=key))
    scale = 255 // white if bits < 8 else 1
    stored, is_hidden = samples * scale, (samples == 1).all(-1)
    assert header(tmp_path / "x.png").has_alpha
    assert np.array_equal(decode(tmp_path / "x.png", background=None), stored)
    black = np.where(is_hidden[..., None], 0, stored)
    assert np.array_equal(decode(tmp_path / "x.png", background=(0, 0, 0)), black)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_transparent_places_of_a_palette(bits, tmp_path):
    indices = NUMBERS.integers(0, 2, (5, 7, 1))
    content = png(indices, bits=bits, kind=INDEXED, palette=bytes([10, 20, 30, 200, 100, 0]), transparent=b"\xff\x33")
    (tmp_path / "x.png").write_bytes(content)
    colours = np.array([[10, 20, 30], [200, 100, 0]])[indices[..., 0]]
    alpha = np.array([255, 0x33])[indices]
    assert (header(tmp_path / "x.png").is_indexed, header(tmp_path / "x.png").has_alpha) == (True, True)
    assert np.array_equal(decode(tmp_path / "x.png"), on_background(colours, alpha, [255], 255))
    assert np.array_equal(decode(tmp_path / "x.png", background=None), colours)
    assert np.array_equal(label_map(tmp_path / "x.png").ids, indices)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_label_maps_are_read_as_stored_in_every_depth(bits, tmp_path):
    ids = NUMBERS.integers(0, 2**bits, (5, 7, 1))
    (tmp_path / "x.png").write_bytes(png(ids, bits=bits, kind=GREY))
    assert np.array_equal(label_map(tmp_path / "x.png").ids, ids)
    assert np.array_equal(decode(tmp_path / "x.png"), ids * (255 // (2**bits - 1) if bits < 8 else 1))
    assert header(tmp_path / "x.png").bits == bits


def test_webp_shows_the_background(tmp_path):
    samples = NUMBERS.integers(0, 256, (5, 7, 4)).astype(np.uint8)
    Image.fromarray(samples).save(tmp_path / "x.webp", lossless=True, exact=True)
    assert np.array_equal(decode(tmp_path / "x.webp", background=None), samples[..., :3])
    expected = on_background(samples[..., :3], samples[..., 3:], [255], 255)
    assert np.array_equal(decode(tmp_path / "x.webp"), expected)


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_tiff_with_plain_and_with_premultiplied_alpha(dtype, colours, tmp_path):
    white = 1.0 if dtype == "float32" else int(np.iinfo(dtype).max)
    array = (NUMBERS.random((5, 7, colours + 1)) * white).astype(dtype)
    array[0, :, -1] = white
    for kind in ("unassalpha", "assocalpha"):
        stored = array.copy()
        if kind == "assocalpha":
            stored[..., :-1] = np.minimum(stored[..., :-1], stored[..., -1:])
        photometric = "rgb" if colours == 3 else "minisblack"
        how = {"photometric": photometric, "planarconfig": "contig", "extrasamples": [kind], "metadata": None}
        tifffile.imwrite(tmp_path / "x.tif", stored, **how)
        opacity = stored[..., -1:].astype(np.float64) / white
        shown = stored[..., :-1] * (opacity if kind == "unassalpha" else 1) + (1 - opacity) * white
        picture = decode(tmp_path / "x.tif")
        assert picture.dtype == dtype
        assert picture.shape[-1] == header(tmp_path / "x.tif").channels == colours
        assert np.abs(picture - shown).max() <= (1e-6 if dtype == "float32" else 0.5)
        assert np.array_equal(picture[0], stored[0, :, :-1])
        assert np.array_equal(decode(tmp_path / "x.tif", background=None), stored[..., :-1])


def test_a_16_bit_bitmap_is_no_deep_picture(tmp_path):
    """BMP of 5 bits a colour has a 16 in its name at Pillow."""
    rows = np.full((2, 2), 0b0_11111_00000_00000, "<u2").tobytes()
    head = b"BM" + np.array([54 + 8, 0, 54], "<u4").tobytes()
    info = np.array([40, 2, 2], "<u4").tobytes() + np.array([1, 16], "<u2").tobytes() + bytes(24)
    (tmp_path / "x.bmp").write_bytes(head + info + rows)
    assert decode(tmp_path / "x.bmp").tolist() == [[[255, 0, 0]] * 2] * 2
    assert (header(tmp_path / "x.bmp").dtype, header(tmp_path / "x.bmp").bits) == ("uint8", 8)


@pytest.mark.parametrize("highest", [255, 1000, 4095, 65535])
@pytest.mark.parametrize("kind", ["P5", "P6"])
def test_the_range_of_a_ppm_becomes_that_of_its_depth(kind, highest, tmp_path):
    samples = NUMBERS.integers(0, highest + 1, (5, 7, 3 if kind == "P6" else 1))
    content = f"{kind} 7 5 {highest}\n".encode() + samples.astype(">u2" if highest > 255 else "u1").tobytes()
    (tmp_path / "x.ppm").write_bytes(content)
    white = 65535 if highest > 255 else 255
    picture = decode(tmp_path / "x.ppm")
    assert header(tmp_path / "x.ppm").high == white
    assert np.array_equal(picture, np.floor(samples * white / highest + 0.5))
