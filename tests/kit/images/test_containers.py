"""The same pixels in any two kinds of file are the same picture."""

import itertools
import json

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from imtrans.kit.images import decode, header


def pixels(seed, channels):
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    return coarse.repeat(4, axis=0).repeat(4, axis=1)


def by_pillow(path, array, **how):
    Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).save(path, **how)


def by_opencv(path, array):
    suffix = ".pgm" if path.suffix == ".ppm" and array.shape[-1] == 1 else path.suffix
    path.write_bytes(cv2.imencode(suffix, array[..., ::-1].astype(np.uint16) * 257)[1].tobytes())


def by_tifffile(path, array, *, deep=False, white_is_zero=False, **how):
    array = array.astype(np.uint16) * 257 if deep else array
    array = np.iinfo(array.dtype).max - array if white_is_zero else array
    colours = "rgb" if array.shape[-1] == 3 else "miniswhite" if white_is_zero else "minisblack"
    if how.get("planarconfig") == "separate":
        array = np.moveaxis(array, -1, 0)
    if array.shape[-1] == 1:
        array = array[..., 0]
    tifffile.imwrite(path, array, photometric=colours, metadata=None, **how)


def as_float(path, array):
    tifffile.imwrite(path, (array / np.float32(255)).astype(np.float32), photometric="rgb", metadata=None)


def as_array(path, array, *, dtype="uint8", order="C"):
    values = (
        array / np.float64(255) if dtype == "float64" else array.astype(np.uint16) * 257 if "u2" in dtype else array
    )
    np.save(path, np.asarray(values, dtype, order=order))


ANY = {
    "npy": ("npy", as_array, {}),
    "npy-fortran": ("npy", as_array, {"order": "F"}),
    "npy-16-big": ("npy", as_array, {"dtype": ">u2"}),
    "png": ("png", by_pillow, {}),
    "png-16": ("png", by_opencv, {}),
    "bmp": ("bmp", by_pillow, {}),
    "ppm": ("ppm", by_pillow, {}),
    "ppm-16": ("ppm", by_opencv, {}),
    "tiff-tiles": ("tif", by_tifffile, {"tile": (16, 32), "compression": "zlib", "predictor": True}),
    "tiff-16-little": ("tif", by_tifffile, {"deep": True, "byteorder": "<", "compression": "lzw"}),
    "tiff-16-big": ("tif", by_tifffile, {"deep": True, "byteorder": ">", "compression": "zstd"}),
}
COLOUR = ANY | {
    "webp": ("webp", by_pillow, {"lossless": True}),
    "tiff-planar": ("tif", by_tifffile, {"planarconfig": "separate"}),
    "tiff-16-planar": ("tif", by_tifffile, {"planarconfig": "separate", "deep": True, "tile": (16, 16)}),
    "tiff-float": ("tif", as_float, {}),
    "npy-float": ("npy", as_array, {"dtype": "float64"}),
}
GREY = ANY | {
    "tiff-white-is-zero": ("tif", by_tifffile, {"white_is_zero": True}),
    "tiff-16-white-is-zero": ("tif", by_tifffile, {"white_is_zero": True, "deep": True, "compression": "packbits"}),
}


@pytest.mark.parametrize(("channels", "containers"), [(1, GREY), (3, COLOUR)])
def test_all_containers_hold_the_same_picture(channels, containers, tmp_path):
    array, read = pixels(0, channels), {}
    for name, (suffix, write, how) in containers.items():
        path = tmp_path / f"{name}.{suffix}"
        write(path, array, **how)
        read[name] = decode(path) / np.float64(header(path).high)
    for one, other in itertools.combinations(read, 2):
        assert np.abs(read[one] - read[other]).max() < (1e-7 if "float" in one + other else 1e-15), (one, other)


@pytest.mark.slow
@pytest.mark.parametrize(("channels", "containers"), [(1, GREY), (3, COLOUR)])
def test_evaluate_finds_no_error_between_any_two_containers(channels, containers, cli, tmp_path):
    whole = [name for name in containers if "float" not in name]  # floats are refused: nothing says their range
    couples = itertools.combinations(whole, 2) if channels == 3 else itertools.pairwise(whole)
    for i, pair in enumerate(couples):
        for folder, name in zip("AB", pair, strict=True):
            (tmp_path / folder).mkdir(exist_ok=True)
            suffix, write, how = containers[name]
            write(tmp_path / folder / f"{i}.{suffix}", pixels(0, channels), **how)
    done = cli("evaluate", "A", "B", "--json")
    assert done.code == 0, done.err
    numbers = json.loads(done.out)["numbers"]
    assert numbers["l1"]["value"] == pytest.approx(0, abs=1e-8)
    assert numbers["ssim"]["value"] == pytest.approx(1, abs=1e-8)


def test_evaluate_refuses_floats_of_every_container(cli, tmp_path):
    for name in ("npy-float", "tiff-float"):
        suffix, write, how = COLOUR[name]
        for folder in ("A", "B"):
            (tmp_path / name / folder).mkdir(parents=True)
            write(tmp_path / name / folder / f"0.{suffix}", pixels(0, 3), **how)
        done = cli("evaluate", f"{name}/A", f"{name}/B")
        assert done.code == 3
        assert "float values have no known range" in done.err
