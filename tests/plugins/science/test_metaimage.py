"""MHA and NRRD: spacing, origin and directions stay to the bit, and every program reads what is written."""

import sys

import numpy as np
import pytest
import SimpleITK
from volumes import noise

from imtrans.errors import ConfigError, DataError, NotInstalledError
from imtrans.interfaces import ImageSpec
from imtrans.testing import check_format
from imtrans_medical.metaimage import MetaImage, MetaVolume

GREY = ImageSpec(channels=1)
FLOAT = ImageSpec(kind="data", channels=1, bits=32, low=-1000.0, high=2000.0, clips=True)
TURN = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, -1.0]])


def write_image(path, values, *, compressed=False, directions=TURN, is_vector=False):
    """(z, y, x), with an odd grid."""
    image = SimpleITK.GetImageFromArray(values, isVector=is_vector)
    axes = image.GetDimension()
    image.SetSpacing((0.1 + 1e-9, 0.7, 2.5)[:axes])
    image.SetOrigin((-10.123456789, 1 / 3, 77.7)[:axes])
    image.SetDirection(directions[:axes, :axes].ravel().tolist())
    SimpleITK.WriteImage(image, str(path), compressed)
    return path


def grid(path):
    image = SimpleITK.ReadImage(str(path))
    return image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection()


@pytest.mark.parametrize("name", ["a.mha", "a.mhd", "a.nrrd", "a.nhdr", "packed.mha", "packed.nrrd"])
def test_spacing_origin_and_directions_are_equal_to_the_bit(cli, run, tmp_path, name):
    source = write_image(tmp_path / name, noise(3, 36, 40), compressed="packed" in name)
    outcome = cli("translate", str(run), str(source), "-o", str(tmp_path / "out"))
    assert outcome.code == 0, outcome.err
    target = tmp_path / "out" / f"{source.stem}.mha"
    assert grid(source) == grid(target)
    image = SimpleITK.ReadImage(str(target))
    assert (image.GetNumberOfComponentsPerPixel(), image.GetPixelIDTypeAsString()) == (
        3,
        "vector of 8-bit unsigned integer",
    )
    assert np.ptp(SimpleITK.GetArrayFromImage(image)) > 0


@pytest.mark.parametrize("name", ["a.mha", "a.mhd", "a.nrrd", "packed.mha"])
def test_the_format_keeps_its_contract(tmp_path, name):
    for spec, values in ((GREY, noise(3, 7, 9)), (FLOAT, noise(3, 7, 9, low=-900, high=1900, dtype=np.int16))):
        path = write_image(tmp_path / name, values, compressed="packed" in name)
        for axes in ("", "IPR"):
            check_format("metaimage", path, spec=ImageSpec(**{**vars(spec), "axes": axes}))


def test_planes_are_where_simpleitk_has_them(tmp_path):
    values = noise(3, 7, 9)
    for name in ("a.mha", "a.nrrd"):
        volume = MetaVolume(write_image(tmp_path / name, values))
        np.testing.assert_array_equal(volume.plane(2, 1, 0), values[1].T)
        np.testing.assert_array_equal(volume.plane(1, 6, 0), values[:, 6].T)
        np.testing.assert_array_equal(volume.plane(0, 8, 0), values[..., 8].T)
        image = SimpleITK.ReadImage(str(tmp_path / name))
        for place in ((0, 0, 0), (3, 1, 2), (8, 6, 2)):
            expected = np.array(image.TransformIndexToPhysicalPoint(place)) * (-1, -1, 1)
            np.testing.assert_allclose((volume.affine @ (*place, 1))[:3], expected, atol=1e-9)
        volume.close()


def test_components_and_single_slices(tmp_path):
    pair = write_image(tmp_path / "two.mha", noise(3, 7, 9, 2), is_vector=True)
    check_format("metaimage", pair, spec=ImageSpec(kind="data", channels=2))
    flat = write_image(tmp_path / "flat.mha", noise(7, 9), directions=np.eye(3))
    check_format("metaimage", flat, spec=GREY)
    np.testing.assert_array_equal(
        MetaVolume(flat).plane(2, 0, 0), SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(flat))).T
    )


def test_broken_files_and_other_suffixes_are_named(cli, run, tmp_path):
    short = write_image(tmp_path / "short.mha", noise(3, 36, 40))
    short.write_bytes(short.read_bytes()[:-900])
    outcome = cli("translate", str(run), str(short), "-o", str(tmp_path / "out"))
    assert (outcome.code, "short.mha: " in outcome.err, "Traceback" in outcome.err) == (3, True, False), outcome.err
    assert not list((tmp_path / "out").glob("*"))
    (tmp_path / "head.mha").write_text("NDims = 3\n")
    with pytest.raises(DataError, match=r"head\.mha: "):
        MetaVolume(tmp_path / "head.mha")
    times = SimpleITK.GetImageFromArray(noise(2, 3, 4, 5), isVector=False)
    SimpleITK.WriteImage(times, str(tmp_path / "times.mha"))
    with pytest.raises(DataError, match=r"times\.mha: of 4 axes"):
        MetaVolume(tmp_path / "times.mha")
    raster = MetaImage().open(write_image(tmp_path / "a.mha", noise(3, 7, 9)), GREY)
    with pytest.raises(ConfigError, match=r"MetaImage is written as \.mha"):
        MetaImage().create(tmp_path / "a.nrrd", raster, GREY)


def test_without_simpleitk_one_line_says_what_to_install(tmp_path, monkeypatch):
    source = write_image(tmp_path / "a.mha", noise(3, 7, 9))
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    with pytest.raises(NotInstalledError, match="package 'SimpleITK' is not installed") as caught:
        MetaImage().open(source, GREY)
    assert 'pip install "imtrans[medical]"' in caught.value.hint
