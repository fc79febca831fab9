"""GIF, TGA, JPEG 2000, AVIF, HEIC, EXR and NPZ: each by the reader that is right for it, in 8 bits and deep."""

import sys
import zipfile

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from imtrans.errors import DataError
from imtrans.kit.images import decode, header, label_map
from imtrans.kit.images.conform import conform, spec_of

IMAGE = np.kron(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
GREY = IMAGE[..., :1]


def pillow(path):
    Image.fromarray(IMAGE).save(path)


def grey(path):
    Image.fromarray(GREY[..., 0]).save(path)


def gif(path):
    frames = [Image.fromarray(IMAGE), Image.fromarray(255 - IMAGE)]
    frames[0].quantize(64).save(path, save_all=True, append_images=frames[1:])


def jp2_12(path):
    path.write_bytes(imagecodecs.jpeg2k_encode(IMAGE.astype(np.uint16) * 16, bitspersample=12, level=0))


def jp2_12_grey(path):
    path.write_bytes(imagecodecs.jpeg2k_encode(GREY[..., 0].astype(np.uint16) * 16, bitspersample=12, level=0))


def avif_10(path):
    path.write_bytes(imagecodecs.avif_encode(IMAGE.astype(np.uint16) * 4, bitspersample=10, level=100))


def avif(path):
    Image.fromarray(IMAGE).save(path, quality=100, subsampling="4:4:4")


def heic(path):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.from_pillow(Image.fromarray(IMAGE)).save(path, quality=-1)


def heic_10(path):
    pillow_heif = pytest.importorskip("pillow_heif")
    deep = (IMAGE.astype(np.uint16) * 257).tobytes()
    pillow_heif.from_bytes(mode="RGB;16", size=(64, 48), data=deep).save(path, quality=-1)


def exr(path):
    openexr = pytest.importorskip("OpenEXR")
    with openexr.File({}, {"RGB": (IMAGE / np.float32(255)).astype(np.float32)}) as file:
        file.write(str(path))


def exr_grey(path):
    openexr = pytest.importorskip("OpenEXR")
    with openexr.File({}, {"Y": (GREY[..., 0] / 255).astype(np.float16)}) as file:
        file.write(str(path))


def npz(path):
    np.savez_compressed(path, image=IMAGE, mask=GREY)


# What writes it, its channels and significant bits, and how far values may lie from the true ones, of 1.
FILES = {
    "x.gif": (gif, 3, 8, 0.5),
    "x.tga": (pillow, 3, 8, 0),
    "x.jp2": (pillow, 3, 8, 0),
    "grey.jp2": (grey, 1, 8, 0),
    "x.j2k": (pillow, 3, 8, 0),
    "deep.jp2": (jp2_12, 3, 12, 0.005),
    "deep-grey.jp2": (jp2_12_grey, 1, 12, 0.005),
    "x.avif": (avif, 3, 8, 0.02),
    "deep.avif": (avif_10, 3, 10, 0.01),
    "x.heic": (heic, 3, 8, 0.01),
    "deep.heic": (heic_10, 3, 10, 0.01),
    "x.exr": (exr, 3, 32, 1e-6),
    "grey.exr": (exr_grey, 1, 32, 1e-3),
    "x.npz": (npz, 3, 8, 0),
}


@pytest.mark.parametrize("name", FILES)
def test_header_and_pixels_agree_and_are_right(name, tmp_path):
    write, channels, bits, tolerance = FILES[name]
    path = tmp_path / name
    write(path)
    head, picture = header(path), decode(path)
    assert (head.width, head.height, head.channels, head.bits) == (64, 48, channels, bits)
    assert (picture.shape, str(picture.dtype)) == ((48, 64, channels), head.dtype)
    true = (IMAGE if channels == 3 else GREY) / 255
    assert np.abs(picture / head.high - true).max() <= tolerance
    read = conform(picture, spec_of(channels=channels, bits=bits), bits=bits, name=name)
    assert read.shape == picture.shape


@pytest.mark.parametrize("name", [n for n in FILES if n not in ("x.gif", "x.tga")])
def test_a_file_that_is_cut_off_is_refused_by_its_name(name, tmp_path):
    path = tmp_path / name
    FILES[name][0](path)
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.9):
        path.write_bytes(whole[: int(share * len(whole))])
        try:
            decode(path)
        except DataError as error:
            told = error.what
        else:  # a format that is decoded as far as it goes
            told = name
        assert name in told
        assert "\n" not in told


def test_deep_signed_and_many_channels_are_refused_by_name(tmp_path):
    path = tmp_path / "x.jp2"
    path.write_bytes(imagecodecs.jpeg2k_encode(np.zeros((32, 32), np.int16) - 1000, level=0))
    with pytest.raises(DataError, match="JPEG2000 of signed values is not read"):
        decode(path)


def test_of_several_arrays_one_must_be_named(tmp_path):
    np.savez(tmp_path / "x.npz", one=IMAGE, two=IMAGE)
    with pytest.raises(DataError, match="holds the arrays one, two"):
        decode(tmp_path / "x.npz")
    np.savez(tmp_path / "y.npz", GREY[..., 0])
    assert np.array_equal(label_map(tmp_path / "y.npz").ids, GREY)
    with zipfile.ZipFile(tmp_path / "z.npz", "w") as archive:
        archive.writestr("x.npy", b"no array")
    with pytest.raises(DataError, match=r"z\.npz"):
        decode(tmp_path / "z.npz")


@pytest.mark.parametrize(("name", "module"), [("x.heic", "pillow_heif"), ("x.exr", "OpenEXR")])
def test_without_its_library_a_format_names_the_extra(name, module, tmp_path, monkeypatch):
    FILES[name][0](tmp_path / name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(DataError, match="is not installed, which reads") as caught:
        decode(tmp_path / name)
    assert caught.value.hint == 'python -m pip install "imtrans[formats]"'


def test_a_tga_is_one_by_its_name_only(tmp_path):
    pillow(tmp_path / "x.tga")
    (tmp_path / "x.tga").rename(tmp_path / "x.png")
    with pytest.raises(DataError, match="not a picture"):
        decode(tmp_path / "x.png")


@pytest.mark.parametrize(("top", "left"), [(1, 2), (-3, -4), (5, 9), (-20, 0), (30, 0)])
def test_exr_is_what_viewers_show_of_it(tmp_path, top, left):
    # OpenEXR 3.5.3 gives the data window alone: two crops of one scene would be two places in one size.
    openexr = pytest.importorskip("OpenEXR")
    pixels = np.random.default_rng(0).random((8, 10, 3), dtype=np.float32)
    shown = (np.array([100, 50], np.int32), np.array([115, 61], np.int32))  # 12 x 16
    data = np.array([100 + left, 50 + top], np.int32)
    head = {"type": openexr.scanlineimage, "compression": openexr.ZIP_COMPRESSION, "displayWindow": shown}
    head["dataWindow"] = (data, data + np.array([9, 7], np.int32))
    openexr.File(head, {"RGB": pixels}).write(str(tmp_path / "a.exr"))
    canvas = np.zeros((112, 116, 3), np.float32)
    canvas[50 + top : 58 + top, 50 + left : 60 + left] = pixels
    assert np.array_equal(decode(tmp_path / "a.exr"), canvas[50:62, 50:66])
    found = header(tmp_path / "a.exr")
    assert (found.height, found.width) == (12, 16)
