"""GeoTIFF: what a translation keeps, window by window, and what is refused."""

import sys

import numpy as np
import pytest
import rasterio
from scenes import write_scene

import imtrans
from imtrans.errors import DataError, NotInstalledError
from imtrans.interfaces import ImageSpec
from imtrans.testing import check_format
from imtrans_geo.geotiff import GeoTiff


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(1, 256, shape, dtype=np.uint8)


def translated(cli, run, source, target, *more):
    outcome = cli("translate", str(run), str(source), "-o", str(target), *more)
    assert outcome.code == 0, outcome.err
    return outcome


def test_place_nodata_and_notes_are_equal_to_the_bit(cli, run, tmp_path):
    values = noise(3, 300, 420)
    values[:, 40:90, :60] = 0
    source = write_scene(tmp_path / "scene.tif", values, nodata=0, photometric="RGB")
    translated(cli, run, source, tmp_path / "out", "--tile", "160")
    with rasterio.open(source) as before, rasterio.open(tmp_path / "out" / "scene.tif") as after:
        assert after.crs == before.crs
        assert after.crs.to_wkt() == before.crs.to_wkt()
        assert tuple(after.transform) == tuple(before.transform)
        assert after.nodata == 0
        np.testing.assert_array_equal(after.read_masks(), before.read_masks())
        assert after.descriptions == before.descriptions
        assert after.tags()["ACQUIRED"] == "2026-05-04"
        result = after.read().transpose(1, 2, 0).astype(int)
    filled = values.transpose(1, 2, 0)
    plain = imtrans.load(run).translate(np.ascontiguousarray(filled), size="native").astype(int)
    inside = (values != 0).all(0)
    # One level at the edge of rounding; a black pixel is 1, as 0 means "none".
    assert np.abs(result - np.maximum(plain, 1))[inside].max() <= 1


def test_a_mask_stays_a_mask_where_there_is_no_nodata(cli, run, tmp_path):
    source = write_scene(tmp_path / "masked.tif", noise(3, 80, 90), photometric="RGB")
    mask = np.full((80, 90), 255, np.uint8)
    mask[20:30, 40:70] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(source, "r+") as file:
        file.write_mask(mask)
    translated(cli, run, source, tmp_path / "masked-out.tif")
    with rasterio.open(tmp_path / "masked-out.tif") as after:
        assert after.nodata is None
        np.testing.assert_array_equal(after.read_masks(1), mask)
    assert not (tmp_path / "masked-out.tif.msk").exists()


def test_a_nodata_value_that_the_bands_cannot_hold_is_said(cli, run, tmp_path):
    import tifffile

    path = tmp_path / "odd.tif"
    tags = [(42113, "s", 0, "-9999", True), (33550, "d", 3, (1.0, 1.0, 0.0), True)]
    tifffile.imwrite(path, noise(64, 64, 3), photometric="rgb", extratags=tags)
    outcome = translated(cli, run, path, tmp_path / "odd-out.tif")
    assert "its nodata value -9999 is none of uint8" in outcome.err


def test_nodata_that_the_result_cannot_hold_becomes_a_mask(tmp_path):
    values = np.random.default_rng(0).uniform(0, 1, (1, 40, 50)).astype(np.float32)
    values[0, 5:9, 7:20] = -9999
    values[0, 30, 30] = np.nan
    source = write_scene(tmp_path / "float.tif", values, nodata=-9999)
    kind = GeoTiff()
    raster = kind.open(source, ImageSpec(kind="data", channels=1, bits=32, high=1.0))
    expected = (values[0] != -9999) & np.isfinite(values[0])
    np.testing.assert_array_equal(raster.valid(range(40), range(50)), expected)
    for bits, dtype in ((8, "uint8"), (16, "uint16"), (32, "float32")):
        target = tmp_path / f"out{bits}.tif"
        writer = kind.create(target, raster, ImageSpec(kind="data", channels=1, bits=bits))
        for rows in (range(25), range(25, 40)):
            stored = np.full((len(rows), 50, 1), 7, dtype)
            writer.write(rows, range(50), stored, valid=raster.valid(rows, range(50)))
        writer.close()
        with rasterio.open(target) as file:
            assert file.dtypes == (dtype,)
            assert file.nodata == (-9999 if bits == 32 else None)
            np.testing.assert_array_equal(file.read_masks(1) > 0, expected)
            assert (file.read(1)[expected] == 7).all()
    raster.close()


def test_windows_are_those_that_were_asked_for(tmp_path):
    values = noise(2, 70, 90)
    raster = GeoTiff().open(write_scene(tmp_path / "two.tif", values), ImageSpec(kind="data", channels=2))
    part = raster.read(range(13, 40), range(51, 90))
    np.testing.assert_array_equal(part, values[:, 13:40, 51:].transpose(1, 2, 0))
    raster.close()


def test_files_without_a_place_are_plain_pictures(tmp_path):
    import tifffile

    tifffile.imwrite(tmp_path / "plain.tif", noise(20, 20, 3), photometric="rgb")
    (tmp_path / "text.tif").write_text("no picture")
    kind = GeoTiff()
    assert not kind.recognises(tmp_path / "plain.tif")
    assert not kind.recognises(tmp_path / "text.tif")
    assert kind.recognises(write_scene(tmp_path / "place.tif", noise(1, 20, 20)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--size", "64"), "is translated pixel by pixel"),
        (("--samples", "2"), "--samples: is for plain pictures"),
        (("-o", "x.png"), "a GeoTIFF is written as .tif"),
    ],
)
def test_what_does_not_go_together_is_refused(cli, run, tmp_path, arguments, message):
    source = write_scene(tmp_path / "scene.tif", noise(3, 40, 40), photometric="RGB")
    outcome = cli("translate", str(run), str(source), "-o", "out", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_other_bands_than_the_models_and_broken_files_are_named(cli, run, tmp_path):
    source = write_scene(tmp_path / "four.tif", noise(4, 40, 40))
    outcome = cli("translate", str(run), str(source), "-o", str(tmp_path / "out"))
    assert (outcome.code, "four.tif: 4 bands; the model takes 3" in outcome.err) == (3, True)
    whole = write_scene(tmp_path / "cut.tif", noise(3, 400, 400), tiled=True, blockxsize=128, blockysize=128)
    whole.write_bytes(whole.read_bytes()[:-150_000])
    outcome = cli("translate", str(run), str(whole), "-o", str(tmp_path / "out"))
    assert outcome.code == 3
    assert "cut.tif" in outcome.err
    assert not (tmp_path / "out" / "cut.tif").exists()
    assert not list((tmp_path / "out").glob(".*"))


def test_without_rasterio_one_line_says_what_to_install(tmp_path, monkeypatch):
    source = write_scene(tmp_path / "scene.tif", noise(3, 40, 40))
    monkeypatch.setitem(sys.modules, "rasterio", None)
    with pytest.raises(NotInstalledError, match="package 'rasterio' is not installed") as caught:
        GeoTiff().open(source, ImageSpec())
    assert 'pip install "imtrans[geo]"' in caught.value.hint


def test_the_format_keeps_its_contract(tmp_path):
    check_format("geotiff", write_scene(tmp_path / "scene.tif", noise(3, 40, 61), photometric="RGB"))
    deep = (noise(2, 40, 61).astype(np.uint16) * 200, {"nodata": 0})
    check_format("geotiff", write_scene(tmp_path / "deep.tif", deep[0], **deep[1]), spec=ImageSpec(channels=2, bits=16))


def test_complex_bands_are_refused(tmp_path):
    values = np.zeros((1, 8, 8), np.complex64)
    with pytest.raises(DataError, match="bands of complex64"):
        GeoTiff().open(write_scene(tmp_path / "radar.tif", values), ImageSpec(channels=1))


def test_its_own_format_can_be_left(cli, run, tmp_path):
    source = write_scene(tmp_path / "scene.tif", noise(3, 40, 40), photometric="RGB")
    translated(cli, run, source, tmp_path / "plain", "--format", "png")
    assert (tmp_path / "plain" / "scene.png").exists()
