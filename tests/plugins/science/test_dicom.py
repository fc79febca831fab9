"""DICOM: one reader that rescales and turns once, series in the order of their positions, and what is written."""

import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from factories import job
from pydicom.data import get_testdata_file
from volumes import noise, write_dicom, write_pairs, write_series

from imtrans.engine.training import trainer
from imtrans.errors import ConfigError, DataError, NotInstalledError
from imtrans.interfaces import ImageSpec
from imtrans.plugins.component import ComponentRef
from imtrans.testing import check_dataset, check_format
from imtrans_medical.dicom import Dicom
from imtrans_medical.dicom_series import DicomVolume

HU = ImageSpec(kind="data", channels=1, bits=32, low=-1024.0, high=3071.0, clips=True)
DEEP = ImageSpec(kind="data", channels=1, bits=16, high=65535.0)
SMALL = {"generator.depth": "2", "generator.width": "2", "discriminator.width": "2", "metrics": "[]"}
SMALL |= {"train.steps": "2", "data.size": "32", "inference.norm": "running", "inference.dropout": "false"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A run of two steps on slices with a neighbour on either side, from 0..1000 to -1000..1000."""
    folder = tmp_path_factory.mktemp("dicom")
    options = {"path": str(write_pairs(folder / "heads", ("p1", "p2"))), "slices": 4, "neighbours": 1}
    options |= {"source_range": (0.0, 1000.0), "target_range": (-1000.0, 1000.0)}
    trainer.fit(job(folder / "run", SMALL, dataset=ComponentRef("volumes", options)))
    return folder / "run"


def slices(path, spec=HU):
    raster = Dicom().open(path, spec)
    values = [raster.read(*map(range, raster.size), plane=p)[..., 0] for p in range(raster.planes)]
    raster.close()
    return np.stack(values)


def test_values_are_those_of_simpleitk(tmp_path):
    stored = noise(5, 8, 9, low=0, high=4000, dtype=np.uint16)
    folder = write_series(tmp_path / "ct", stored, RescaleSlope="0.5", RescaleIntercept="-1024")
    np.testing.assert_array_equal(slices(folder), stored * 0.5 - 1024)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image, volume = reader.Execute(), DicomVolume(folder)
    np.testing.assert_array_equal(slices(folder), SimpleITK.GetArrayFromImage(image))
    # Millimetres to L, P, S there, to R, A, S here.
    for place in ((0, 0, 0), (3, 1, 2), (8, 7, 4)):
        expected = np.array(image.TransformIndexToPhysicalPoint(place)) * (-1, -1, 1)
        np.testing.assert_allclose((volume.affine @ (*place, 1))[:3], expected, atol=1e-9)


def test_low_values_that_are_white_are_turned_once(tmp_path):
    stored = noise(8, 9, low=0, high=4096, dtype=np.uint16)
    path = write_dicom(tmp_path / "chest.dcm", stored, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(slices(path, DEEP)[0], 4095 - stored)
    rescaled = {"PhotometricInterpretation": "MONOCHROME1", "RescaleSlope": "2", "RescaleIntercept": "-7"}
    path = write_dicom(tmp_path / "two.dcm", stored, **rescaled)
    np.testing.assert_array_equal(slices(path)[0], 2 * (4095.0 - stored) - 7)
    signed = noise(8, 9, low=-2048, high=2048, dtype=np.int16)
    path = write_dicom(tmp_path / "signed.dcm", signed, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(slices(path)[0], -1.0 - signed)
    check_format("dicom", tmp_path / "chest.dcm", spec=DEEP)  # the copy is read as the same, so it is not turned again


@pytest.mark.slow
def test_a_series_is_translated_to_a_series_of_its_places(cli, model, tmp_path):
    stored = noise(5, 40, 36, low=0, high=1000, dtype=np.uint16)
    private = {"SmallestImagePixelValue": 3, "WindowCenter": 40, "WindowWidth": 80}
    folder = write_series(tmp_path / "scans" / "mr", stored, **private)
    outcome = cli("translate", str(model), str(tmp_path / "scans"), "-o", str(tmp_path / "out"))
    assert outcome.code == 0, outcome.err
    assert "1 of 1 files translated" in outcome.out
    sources, results = ({p.name: pydicom.dcmread(p) for p in (f).iterdir()} for f in (folder, tmp_path / "out" / "mr"))
    assert sources.keys() == results.keys()
    for name, before in sources.items():
        after = results[name]
        for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "PatientID", "StudyInstanceUID"):
            assert before[tag].value == after[tag].value
        assert after.SOPInstanceUID != before.SOPInstanceUID == after.SourceImageSequence[0].ReferencedSOPInstanceUID
        assert after.SOPInstanceUID == after.file_meta.MediaStorageSOPInstanceUID
        assert list(after.ImageType[:2]) == ["DERIVED", "SECONDARY"]
        assert (after.RescaleSlope, after.RescaleIntercept, after.WindowCenter, after.WindowWidth) == (
            1,
            -1000,
            0,
            2000,
        )
        assert (after.BitsStored, "SmallestImagePixelValue" in after) == (16, False)
    assert len({each.SeriesInstanceUID for each in results.values()}) == 1
    assert {each.SeriesInstanceUID for each in results.values()} != {"1.2.3.4"}
    assert np.ptp(slices(tmp_path / "out" / "mr")) > 0
    # Every other program reads the same.
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "out" / "mr")))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(reader.Execute()), slices(tmp_path / "out" / "mr"))


def test_single_files_of_a_series_are_a_series_again(cli, model, tmp_path):
    stored = noise(2, 40, 36, low=0, high=1000, dtype=np.uint16)
    folder = write_series(tmp_path / "mr", stored)
    files = [str(p) for p in sorted(folder.iterdir())]
    assert cli("translate", str(model), *files, "-o", str(tmp_path / "out")).code == 0
    assert len({pydicom.dcmread(p).SeriesInstanceUID for p in (tmp_path / "out").iterdir()}) == 1


def test_padding_is_no_value(tmp_path):
    stored = noise(6, 7, low=0, high=4000, dtype=np.int16)
    stored[0, :3] = -2000
    path = write_dicom(tmp_path / "ct.dcm", stored, PixelPaddingValue=-2000, RescaleSlope="1", RescaleIntercept="-24")
    raster, kind = Dicom().open(path, HU), Dicom()
    valid = raster.valid(range(6), range(7))
    np.testing.assert_array_equal(valid, stored != -2000)
    writer = kind.create(tmp_path / "out.dcm", raster, HU)
    writer.write(range(6), range(7), np.full((6, 7, 1), 5.4, np.float32), valid=valid)
    writer.close()
    np.testing.assert_array_equal(slices(tmp_path / "out.dcm")[0], np.where(valid, 5, -1024))
    assert "PixelPaddingValue" not in pydicom.dcmread(tmp_path / "out.dcm")
    assert "3 voxels have no value (NaN or padding): -1024 in the translation" in raster.notes[0]


@pytest.mark.parametrize("ends", [(0.0, 1.0), (-0.3, 12.7), (-1024, 3071), (0.0, 100_000.0)])
def test_what_is_written_is_read_back_to_half_a_step(tmp_path, ends):
    spec = ImageSpec(kind="data", channels=1, bits=32, low=ends[0], high=ends[1])
    raster = Dicom().open(write_dicom(tmp_path / "a.dcm", noise(6, 7)), spec)
    values = np.random.default_rng(0).uniform(*ends, (6, 7, 1)).astype(np.float32)
    values[0, 0], values[0, 1] = ends
    writer = Dicom().create(tmp_path / "b.dcm", raster, spec)
    writer.write(range(6), range(7), values)
    writer.close()
    step = 1 if ends[1] == 3071 else (ends[1] - ends[0]) / 65535
    assert np.abs(slices(tmp_path / "b.dcm", spec)[0] - values[..., 0]).max() <= 0.5001 * step


def test_planes_across_the_slices_are_read_and_written(tmp_path):
    stored = noise(5, 8, 9, low=0, high=4000, dtype=np.uint16)
    folder = write_series(tmp_path / "ct", stored)
    spec = ImageSpec(kind="data", channels=1, bits=16, high=65535.0, axes="ILP")
    np.testing.assert_array_equal(slices(folder, spec), stored[::-1].transpose(1, 0, 2))
    raster, kind = Dicom().open(folder, spec), Dicom()
    writer = kind.create(tmp_path / "copy", raster, spec)
    for plane in range(raster.planes):
        writer.write(range(5), range(9), raster.read(range(5), range(9), plane=plane), plane=plane)
    writer.close()
    np.testing.assert_array_equal(slices(tmp_path / "copy", spec), slices(folder, spec))
    raster.close()


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm"])
def test_files_of_scanners_keep_the_contract(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(Path(get_testdata_file(name, download=False)).read_bytes())
    check_format("dicom", path, spec=ImageSpec(kind="data", channels=1, bits=32, low=-2048.0, high=4095.0))


def test_the_format_keeps_its_contract(tmp_path):
    check_format("dicom", write_dicom(tmp_path / "a.dcm", noise(7, 9)), spec=ImageSpec(channels=1))
    oblique = {"orientation": (0.6, 0.8, 0, 0, 0, -1)}
    check_format("dicom", write_dicom(tmp_path / "b.dcm", noise(7, 9), **oblique), spec=ImageSpec(channels=1))


def test_series_are_volumes_of_a_data_set(tmp_path):
    for name in ("p1", "p2"):
        for side in "AB":
            write_series(tmp_path / side / name, noise(4, 40, 36, low=0, high=900, dtype=np.uint16))
    ranges = {"source_range": (0.0, 1000.0), "target_range": (0.0, 1000.0)}
    check_dataset("volumes", size=(32,), path=str(tmp_path), slices=2, **ranges)


def test_what_is_no_series_of_grey_slices_is_named(tmp_path):
    stored = noise(3, 8, 9, low=0, high=4000, dtype=np.uint16)
    twice = write_series(tmp_path / "twice", stored)
    write_dicom(twice / "im05.dcm", stored[0], position=(-10.5, 4.25, 2.5))
    with pytest.raises(DataError, match="two slices at one place"):
        DicomVolume(twice)
    write_dicom(twice / "im05.dcm", stored[0], SeriesInstanceUID="1.2.9")
    with pytest.raises(DataError, match=r"im05\.dcm and .*im00\.dcm: differ in SeriesInstanceUID") as caught:
        DicomVolume(twice)
    assert "a folder of its own" in caught.value.hint
    gap = write_series(tmp_path / "gap", noise(5, 8, 9, low=0, high=4000, dtype=np.uint16))
    next(p for p in gap.iterdir() if pydicom.dcmread(p).ImagePositionPatient[2] == 5.0).unlink()
    assert "2.5 to 5 mm apart; one may be missing" in DicomVolume(gap).notes[0]
    with pytest.raises(DataError, match=r"c\.dcm: of RGB; grey slices are read"):
        DicomVolume(write_dicom(tmp_path / "c.dcm", stored[0], PhotometricInterpretation="RGB"))
    with pytest.raises(DataError, match=r"f\.dcm: is of several frames"):
        DicomVolume(write_dicom(tmp_path / "f.dcm", stored[0], NumberOfFrames=3))
    with pytest.raises(DataError, match=r"badVR\.dcm: a number in its header is none"):
        DicomVolume(Path(get_testdata_file("badVR.dcm", download=False)))
    with pytest.raises(DataError, match="JPEG-LS Lossless Image Compression") as caught:
        slices(Path(get_testdata_file("MR_small_jpeg_ls_lossless.dcm", download=False)))
    assert "pylibjpeg" in caught.value.hint
    short = write_dicom(tmp_path / "short.dcm", stored[0])
    short.write_bytes(short.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"short\.dcm: "):
        slices(short)
    raster = Dicom().open(write_dicom(tmp_path / "a.dcm", noise(7, 9)), ImageSpec(channels=1))
    with pytest.raises(ConfigError, match="a model of 3 channels is not written as DICOM"):
        Dicom().create(tmp_path / "b.dcm", raster, ImageSpec())


def test_folders_of_other_things_are_no_series(tmp_path):
    for number in range(2):
        path = tmp_path / "films" / f"{number}.dcm"
        write_dicom(path, noise(7, 9), SeriesInstanceUID=f"1.2.{number}")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.dcm").write_text("no picture")
    assert not any(Dicom().recognises(tmp_path / name) for name in ("films", "empty", "text", "none"))
    assert Dicom().recognises(tmp_path / "films" / "0.dcm")


def test_without_pydicom_one_line_says_what_to_install(tmp_path, monkeypatch):
    source = write_dicom(tmp_path / "a.dcm", noise(4, 4))
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(NotInstalledError, match="package 'pydicom' is not installed") as caught:
        Dicom().open(source, HU)
    assert 'pip install "imtrans[medical]"' in caught.value.hint
