"""OME-Zarr: what is read of versions 0.4 and 0.5, what a translation keeps, and lost chunks."""

import json
import shutil
import sys

import numpy as np
import pytest
import tifffile
import zarr
from slides import stained, write_slide

from imtrans.errors import DataError, NotInstalledError
from imtrans.interfaces import ImageSpec
from imtrans.testing import check_dataset, check_format
from imtrans_microscopy.ome_zarr import OmeZarr

DEEP = ImageSpec(kind="data", channels=2, bits=16)


def write_zarr(path, values, *, axes="CYX", version="0.4", microns=0.5, levels=2):
    """An OME-Zarr as other programs write it: levels of every second pixel, `axes` of `values`."""
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    datasets = []
    for level in range(levels):
        part = values[..., :: 2**level, :: 2**level]
        chunks = (*[1] * (part.ndim - 2), 64, 64)
        array = group.create_array(f"s{level}", shape=part.shape, chunks=chunks, dtype=part.dtype)
        array[...] = part
        scale = [microns * 1000 * 2**level if axis in "YX" else 1.0 for axis in axes]
        shift = [50.0 if axis in "YX" else 0.0 for axis in axes]
        steps = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": shift}]
        datasets.append({"path": f"s{level}", "coordinateTransformations": steps})
    kinds = {"T": "time", "C": "channel"}
    named = [
        {"name": a.lower(), "type": kinds.get(a, "space"), **({"unit": "nanometer"} if a in "YX" else {})} for a in axes
    ]
    scales = {"multiscales": [{"version": "0.4", "axes": named, "datasets": datasets}]}
    group.attrs.update(scales if version == "0.4" else {"ome": {"version": "0.5", **scales}})
    return path


def deep(*shape):
    return np.random.default_rng(0).integers(1, 65535, shape, dtype=np.uint16)


def color(height, width):
    return np.ascontiguousarray(stained(height, width).transpose(2, 0, 1))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_levels_planes_and_windows_of_both_versions(tmp_path, version):
    values = deep(2, 2, 150, 170)
    path = write_zarr(tmp_path / "a.ome.zarr", values, axes="CZYX", version=version)
    raster = OmeZarr(microns=1.0).open(path, DEEP)
    assert (raster.planes, raster.size, raster.grid.microns) == (2, (75, 85), (1.0, 1.0))
    part = raster.read(range(13, 75), range(60, 85), plane=1)
    np.testing.assert_array_equal(part, values[:, 1, ::2, ::2][:, 13:, 60:].transpose(1, 2, 0))
    check_format("ome-zarr", path, spec=DEEP)


def test_a_translation_has_chunks_levels_and_places(cli, run, tmp_path):
    source = write_zarr(tmp_path / "a.ome.zarr", color(700, 1101))
    outcome = cli("translate", str(run), str(source), "-o", "out", "--tile", "300")
    assert outcome.code == 0, outcome.err
    group = zarr.open_group(tmp_path / "out" / "a.ome.zarr", mode="r")
    arrays = [group[name] for name in ("0", "1", "2")]
    assert [a.shape for a in arrays] == [(3, 700, 1101), (3, 350, 551), (3, 175, 276)]
    assert arrays[0].chunks == (1, 512, 512)
    first = arrays[0][:].astype(float)
    small = first[:, :, :1100].reshape(3, 350, 2, 550, 2).mean((2, 4))
    np.testing.assert_array_equal(arrays[1][:, :, :550], np.rint(small))
    np.testing.assert_array_equal(arrays[1][:, :, 550], np.rint(first[:, :, 1100].reshape(3, 350, 2).mean(2)))
    levels = group.attrs["multiscales"][0]["datasets"]
    # The first pixel of level 1 is the mean of two: its middle lies half a pixel of level 0 further on.
    assert levels[1]["coordinateTransformations"] == [
        {"type": "scale", "scale": [1.0, 1.0, 1.0]},
        {"type": "translation", "translation": [0.0, 0.05 + 0.25, 0.05 + 0.25]},
    ]
    again = cli("translate", str(run), str(source), "-o", "out/a.ome.zarr", "--overwrite")
    assert again.code == 0
    assert not (tmp_path / "out" / "a.ome.zarr" / "a.ome.zarr").exists()


def test_tiff_becomes_zarr_and_zarr_becomes_tiff_where_that_is_asked_for(cli, run, tmp_path):
    slide = write_slide(tmp_path / "s.ome.tif")
    assert cli("translate", str(run), str(slide), "-o", "one", "--format", "ome-zarr").code == 0
    assert cli("translate", str(run), str(slide), "-o", "two.ome.zarr").code == 0
    values = [zarr.open_group(tmp_path / p, mode="r")["0"][:] for p in ("one/s.ome.zarr", "two.ome.zarr")]
    np.testing.assert_array_equal(*values)
    assert cli("translate", str(run), "one/s.ome.zarr", "-o", "three", "--format", "ome-tiff").code == 0
    with tifffile.TiffFile(tmp_path / "three" / "s.ome.tif") as file:
        assert 'PhysicalSizeX="0.25"' in file.ome_metadata


def copied(tmp_path, values, valid, *, bits):
    spec = ImageSpec(kind="data", channels=1, bits=bits)
    kind = OmeZarr()
    raster = kind.open(write_zarr(tmp_path / "in.ome.zarr", values, axes="YX", levels=1), spec)
    writer = kind.create(tmp_path / "copy.ome.zarr", raster, spec)
    whole = (range(values.shape[0]), range(values.shape[1]))
    writer.write(*whole, raster.read(*whole)[..., 0:1], valid=valid(raster, whole))
    writer.close()
    return kind.open(tmp_path / "copy.ome.zarr", spec)


def test_nan_stays_and_means_leave_it_out(tmp_path):
    values = np.random.default_rng(0).normal(size=(600, 600)).astype(np.float32)
    values[0, 0] = values[100:102, 200:202] = np.nan
    copy = copied(tmp_path, values, lambda raster, whole: raster.valid(*whole), bits=32)
    np.testing.assert_array_equal(copy.read(range(600), range(600))[..., 0], values)
    small = zarr.open_group(copy.path, mode="r")["1"][:][0]
    np.testing.assert_allclose(small[0, 0], np.nanmean(values[:2, :2]), rtol=1e-6)
    assert np.isnan(small).sum() == 1


def test_lost_chunks_are_told_from_such_as_hold_nothing(tmp_path):
    def valid(_, whole):
        mask = np.ones([len(r) for r in whole], bool)
        mask[512:, :512] = False
        return mask

    copy = copied(tmp_path, deep(1100, 1100), valid, bits=16)
    expected = valid(None, (range(1100), range(1100)))
    expected[1024:, :512] = False
    np.testing.assert_array_equal(copy.valid(range(300, 1100), range(100, 700)), expected[300:, 100:700])
    assert not (copy.path / "0" / "0" / "1" / "0").exists()
    (copy.path / "0" / "0" / "0" / "1").unlink()
    with pytest.raises(DataError, match="1 of 7 chunks of level 0 are lost"):
        OmeZarr().open(copy.path, ImageSpec(kind="data", channels=1, bits=16))


def test_other_folders_and_broken_ones_are_named(cli, run, tmp_path):
    (tmp_path / "x.zarr").mkdir()
    assert not OmeZarr().recognises(tmp_path / "x.zarr")
    path = write_zarr(tmp_path / "broken.ome.zarr", color(90, 90))
    shutil.rmtree(path / "s1")
    outcome = cli("translate", str(run), str(path), "-o", "out")
    assert (outcome.code, "broken.ome.zarr: broken" in outcome.err) == (3, True)
    assert "Traceback" not in outcome.err
    attributes = json.loads((write_zarr(path, deep(2, 90, 90)) / ".zattrs").read_text())
    assert len(attributes["multiscales"][0]["datasets"]) == 2
    outcome = cli("translate", str(run), str(path), "-o", "out")
    assert (outcome.code, "2 channels; the model takes 3" in outcome.err) == (3, True)


def test_without_its_extra_one_line_says_what_to_install(tmp_path, monkeypatch):
    path = write_zarr(tmp_path / "a.ome.zarr", color(90, 90))
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(NotInstalledError, match="package 'zarr' is not installed") as caught:
        OmeZarr().open(path, ImageSpec())
    assert 'pip install "imtrans[microscopy]"' in caught.value.hint


def test_they_are_data_sets_too(tmp_path):
    for number in range(2):
        write_zarr(tmp_path / "A" / f"{number}.ome.zarr", color(120, 130))
        write_slide(tmp_path / "B" / f"{number}.ome.tif", 255 - stained(120, 130), microns=0.5)
    check_dataset("slides", size=(32,), path=str(tmp_path), patches=3)
