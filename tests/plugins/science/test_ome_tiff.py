"""Slides in TIFF: which are read, what a translation keeps, and how its levels are made."""

import sys

import numpy as np
import pytest
import tifffile
from scenes import write_scene
from slides import stained, write_scan, write_slide

import imtrans
from imtrans.errors import DataError, NotInstalledError
from imtrans.interfaces import ImageSpec
from imtrans.testing import check_format
from imtrans_microscopy.ome_tiff import OmeTiff

COLOR = ImageSpec()
FLOAT = ImageSpec(kind="data", channels=1, bits=32)


def deep(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 65535, shape, dtype=np.uint16)


def opened(path, *, channels=3, bits=8, **options):
    return OmeTiff(**options).open(path, ImageSpec(channels=channels, bits=bits))


def translated(cli, run, source, target, *more):
    outcome = cli("translate", str(run), str(source), "-o", str(target), *more)
    assert outcome.code == 0, outcome.err
    return outcome


@pytest.mark.parametrize("axes", ["ZCYX", "CZYX", "TCYX"])
def test_windows_of_planes_and_channels_are_those_that_were_asked_for(tmp_path, axes):
    values = deep(2, 2, 300, 280)
    raster = opened(write_slide(tmp_path / "z.ome.tif", values, axes=axes), channels=2, bits=16)
    planes = values if axes[1] == "C" else values.swapaxes(0, 1)
    assert (raster.planes, raster.size, raster.grid.axes) == (2, (300, 280), axes.replace("C", "")[0])
    for plane in range(2):
        part = raster.read(range(13, 290), range(100, 280), plane=plane)
        np.testing.assert_array_equal(part, planes[plane, :, 13:290, 100:].transpose(1, 2, 0))
    raster.close()


@pytest.mark.parametrize(
    "stored",
    [
        {"photometric": "ycbcr", "compression": "jpeg", "tile": (64, 64)},
        {"compression": "jpeg", "tile": (64, 64)},
        {"planarconfig": "separate", "tile": (64, 64)},
        {"rowsperstrip": 48, "compression": "lzw", "predictor": True},
        {"tile": (64, 64), "compression": "jpeg2000"},
    ],
)
def test_tiles_and_strips_are_decoded_as_tifffile_does(tmp_path, stored):
    values = stained(200, 230)
    planar = "planarconfig" in stored
    values = np.ascontiguousarray(values.transpose(2, 0, 1)) if planar else values
    path = tmp_path / "x.ome.tif"
    metadata = {"axes": "SYX" if planar else "YXS"}
    tifffile.imwrite(path, values, **{"photometric": "rgb", "metadata": metadata, **stored})
    expected = tifffile.imread(path)
    raster = opened(path)
    part = raster.read(range(37, 200), range(50, 230))
    np.testing.assert_array_equal(part, (expected.transpose(1, 2, 0) if planar else expected)[37:, 50:])
    raster.close()


def test_of_several_pictures_the_largest_is_read_which_is_said(tmp_path):
    with tifffile.TiffWriter(tmp_path / "two.ome.tif", ome=True) as file:
        file.write(stained(40, 50), photometric="rgb")
        file.write(stained(80, 90), photometric="rgb")
    raster = opened(tmp_path / "two.ome.tif")
    assert raster.size == (80, 90)
    assert raster.notes[0] == "holds 2 pictures; number 2, the largest, is read"
    raster.close()


def test_a_level_is_chosen_by_number_or_by_the_size_of_its_pixels(tmp_path):
    values = stained(301, 421)
    path = write_slide(tmp_path / "s.ome.tif", values, levels=3, microns=0.25)
    for options in ({"level": 1}, {"microns": 0.5}):
        raster = opened(path, **options)
        assert raster.grid.microns == (0.5, 0.5)
        np.testing.assert_array_equal(raster.read(range(10, 150), range(0, 211)), values[20:300:2, ::2])
        raster.close()
    with pytest.raises(DataError, match="no level of 2 microns a pixel") as caught:
        opened(path, microns=2.0)
    assert "1: 211 x 151 of 0.5 microns" in caught.value.hint
    with pytest.raises(DataError, match="no level 3"):
        opened(path, level=3)


def test_the_format_keeps_its_contract(tmp_path):
    check_format("ome-tiff", write_slide(tmp_path / "color.ome.tif"))
    stack = write_slide(tmp_path / "stack.ome.tif", deep(3, 2, 140, 130), axes="ZCYX")
    check_format("ome-tiff", stack, spec=ImageSpec(kind="data", channels=2, bits=16))
    float_values = np.random.default_rng(0).normal(size=(70, 90)).astype(np.float32)
    check_format("ome-tiff", write_slide(tmp_path / "float.ome.tif", float_values, axes="YX", levels=1), spec=FLOAT)
    check_format("ome-tiff", write_scan(tmp_path / "scan.svs"))


def test_a_slide_is_translated_with_levels_and_the_size_of_its_pixels(cli, run, tmp_path):
    values = stained(700, 1100)
    translated(cli, run, write_slide(tmp_path / "s.ome.tif", values), tmp_path / "out", "--tile", "300")
    plain = imtrans.load(run).translate(values, size="native").astype(int)
    with tifffile.TiffFile(tmp_path / "out" / "s.ome.tif") as file:
        series = file.series[0]
        assert [level.shape for level in series.levels] == [(700, 1100, 3), (350, 550, 3), (175, 275, 3)]
        result = series.asarray()
        assert np.abs(result.astype(int) - plain).max() <= 1
        assert 'PhysicalSizeX="0.25" PhysicalSizeXUnit="µm"' in file.ome_metadata
        small = series.levels[1].asarray()
    means = result.reshape(350, 2, 550, 2, 3).mean((1, 3))
    np.testing.assert_array_equal(small, np.rint(means))


def test_a_level_can_be_translated_alone(cli, run, tmp_path):
    source = write_slide(tmp_path / "s.ome.tif")
    translated(cli, run, source, tmp_path / "half.ome.tif", "--set", "format.level=1")
    with tifffile.TiffFile(tmp_path / "half.ome.tif") as file:
        assert file.series[0].shape == (150, 210, 3)
        assert 'PhysicalSizeX="0.5"' in file.ome_metadata
    outcome = cli("translate", str(run), str(source), "-o", "x", "--set", "format.levle=1")
    assert (outcome.code, "no option 'levle'" in outcome.err) == (2, True)


def test_scanners_slides_become_ome_tiff(cli, run, tmp_path):
    translated(cli, run, write_scan(tmp_path / "scan.svs", microns=0.4991), tmp_path / "out")
    raster = opened(tmp_path / "out" / "scan.ome.tif")
    assert (raster.size, raster.grid.microns) == ((600, 700), (0.4991, 0.4991))
    raster.close()


def test_tiles_that_were_never_scanned_have_none_in_the_translation(cli, run, tmp_path):
    path, values = tmp_path / "sparse.ome.tif", stained(512, 512)
    tiles = (None if (y, x) == (0, 256) else values[y : y + 256, x : x + 256] for y in (0, 256) for x in (0, 256))
    tifffile.imwrite(path, tiles, shape=values.shape, dtype="uint8", tile=(256, 256), photometric="rgb")
    raster = opened(path)
    valid = raster.valid(range(200, 300), range(200, 300))
    assert not valid[:56, 56:].any()
    assert valid[56:].all()
    assert valid[:, :56].all()
    raster.close()
    outcome = translated(cli, run, path, tmp_path / "out")
    assert "pixels without a value" in outcome.err
    with tifffile.TiffFile(tmp_path / "out" / "sparse.ome.tif") as file:
        assert [count > 0 for count in file.pages[0].databytecounts] == [True, False, True, True]
        assert (file.pages[0].asarray()[:256, 256:] == 0).all()


def test_floats_keep_nan_and_their_means_leave_it_out(tmp_path):
    values = np.random.default_rng(0).normal(size=(600, 601)).astype(np.float32)
    values[0, 0] = values[100:102, 200:202] = np.nan
    kind, path = OmeTiff(), write_slide(tmp_path / "f.ome.tif", values, axes="YX", levels=1)
    raster = kind.open(path, FLOAT)
    for bits, dtype in ((32, np.float32), (16, np.uint16)):
        writer = kind.create(tmp_path / f"{bits}.ome.tif", raster, ImageSpec(kind="data", channels=1, bits=bits))
        valid = raster.valid(range(600), range(601))
        writer.write(range(600), range(601), np.where(valid, values, 7)[..., None].astype(dtype), valid=valid)
        writer.close()
    raster.close()
    with tifffile.TiffFile(tmp_path / "32.ome.tif") as file:
        np.testing.assert_array_equal(file.series[0].asarray(), values)
        small = file.series[0].levels[1].asarray()
    assert small.shape == (300, 301)
    np.testing.assert_allclose(small[0, 0], np.nanmean(values[:2, :2]), rtol=1e-6)
    np.testing.assert_allclose(small[5, 300], values[10:12, 600].mean(), rtol=1e-6)
    assert np.isnan(small).sum() == 1
    assert (tifffile.imread(tmp_path / "16.ome.tif")[100:102, 200:202] == 0).all()


def test_other_tiffs_are_left_to_others(tmp_path):
    kind = OmeTiff()
    tifffile.imwrite(tmp_path / "plain.tif", stained(40, 40), photometric="rgb")
    (tmp_path / "text.tif").write_text("no picture")
    for path in (tmp_path / "plain.tif", tmp_path / "text.tif", write_scene(tmp_path / "map.tif")):
        assert not kind.recognises(path)
    cloud = write_scene(tmp_path / "cloud.tif", np.ones((3, 1200, 1200), np.uint8), driver="COG", photometric=None)
    assert not kind.recognises(cloud)


def test_what_cannot_be_read_is_named(cli, run, tmp_path):
    two = write_slide(tmp_path / "two.ome.tif", deep(2, 90, 90), axes="CYX")
    outcome = cli("translate", str(run), str(two), "-o", str(tmp_path / "out"))
    assert (outcome.code, "two.ome.tif: 2 channels; the model takes 3" in outcome.err) == (3, True)
    broken = write_slide(tmp_path / "broken.tif", stained(600, 600))
    with tifffile.TiffFile(broken) as file:
        page = file.series[0].levels[0].pages[0]
        place, count = page.dataoffsets[7], page.databytecounts[7]
    data = bytearray(broken.read_bytes())
    data[place : place + count] = b"\xff" * count
    broken.write_bytes(data)
    outcome = cli("translate", str(run), str(broken), "-o", str(tmp_path / "out"))
    assert (outcome.code, "broken.tif: tile 7 is broken" in outcome.err) == (3, True)
    assert not [*(tmp_path / "out").glob("*")]


def test_without_its_extra_one_line_says_what_to_install(tmp_path, monkeypatch):
    source = write_scan(tmp_path / "scan.svs")
    monkeypatch.setitem(sys.modules, "tiffslide", None)
    with pytest.raises(NotInstalledError, match="package 'tiffslide' is not installed") as caught:
        opened(source)
    assert 'pip install "imtrans[microscopy]"' in caught.value.hint
    opened(write_slide(tmp_path / "s.ome.tif")).close()  # needs no extra


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "geotiff"), "has no place on the ground"),
        (("-o", "x.png"), "a slide is written as .ome.tif"),
        (("--size", "64"), "is translated pixel by pixel"),
    ],
)
def test_what_does_not_go_together_is_refused(cli, run, tmp_path, arguments, message):
    outcome = cli("translate", str(run), str(write_slide(tmp_path / "s.ome.tif")), "-o", "out", *arguments)
    assert (outcome.code, message in outcome.err) == (2, True), outcome.err


def test_a_formats_name_or_option_needs_such_a_file(cli, run, tmp_path):
    tifffile.imwrite(tmp_path / "plain.tif", stained(40, 40), photometric="rgb")
    for arguments in (("--format", "ome-tiff"), ("--set", "format.level=1")):
        outcome = cli("translate", str(run), "plain.tif", "-o", "out", *arguments)
        assert outcome.code == 2
        assert "such a format" in outcome.err or "a format of its own" in outcome.err


def test_a_map_can_become_a_slide_without_its_place_which_is_said(cli, run, tmp_path):
    outcome = translated(cli, run, write_scene(tmp_path / "map.tif"), tmp_path / "out", "--format", "ome-tiff")
    assert "is not in the translation" in outcome.err
    raster = opened(tmp_path / "out" / "map.ome.tif")
    assert (raster.size, raster.grid.microns) == ((96, 128), None)
    raster.close()
