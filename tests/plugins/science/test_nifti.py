"""NIfTI: the grid stays to the bit, slices are seen as they lie in the body, and what is refused."""

import gzip
import sys
import tracemalloc

import nibabel
import numpy as np
import pytest
from volumes import OBLIQUE, noise, write_nifti

import imtrans
from imtrans.errors import ConfigError, DataError, NotInstalledError, ResourceError
from imtrans.interfaces import ImageSpec
from imtrans.testing import check_format
from imtrans_medical.nifti import Nifti

GREY = ImageSpec(channels=1)
FLOAT = ImageSpec(kind="data", channels=1, bits=32, low=-1000.0, high=2000.0, clips=True)
GRID = ("pixdim", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y")
GRID += ("qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units")


def translated(cli, run, source, target, *more):
    outcome = cli("translate", str(run), str(source), "-o", str(target), *more)
    assert outcome.code == 0, outcome.err
    return outcome


def slices(path, spec=GREY):
    """All slices as a model sees them."""
    raster = Nifti().open(path, spec)
    values = [raster.read(*map(range, raster.size), plane=p) for p in range(raster.planes)]
    raster.close()
    return np.stack(values)


@pytest.mark.parametrize("codes", [(0, 4), (1, 0), (1, 2)])
@pytest.mark.parametrize("name", ["head.nii", "head.nii.gz"])
def test_affine_spacing_and_codes_are_equal_to_the_bit(cli, run, tmp_path, codes, name):
    source = write_nifti(tmp_path / name, noise(40, 36, 3), codes=codes, cal_max=2000, descrip=b"of the scanner")
    translated(cli, run, source, tmp_path / "out")
    before, after = nibabel.load(source), nibabel.load(tmp_path / "out" / name)
    assert before.affine.tobytes() == after.affine.tobytes()
    assert before.header.get_zooms()[:3] == after.header.get_zooms()[:3]
    for field in GRID:
        assert before.header[field].tobytes() == after.header[field].tobytes(), field
    # Three channels of 8 bits, as the model gives them; nothing of the source's values.
    assert (after.shape, after.get_data_dtype()) == ((40, 36, 3, 3), np.uint8)
    assert (after.header["cal_max"], after.dataobj.slope, bytes(after.header["descrip"]).strip(b"\0")) == (0, 1, b"")


def test_each_slice_is_what_the_model_makes_of_it_as_a_picture(cli, run, tmp_path):
    source = write_nifti(tmp_path / "head.nii", noise(40, 36, 3))
    translated(cli, run, source, tmp_path / "out", "--tile", "160")
    made = np.asarray(nibabel.load(tmp_path / "out" / "head.nii").dataobj)
    values = np.asarray(nibabel.load(source).dataobj)
    for k in range(3):
        # OBLIQUE runs to L, A, S: a picture has its rows to P and its columns to L.
        picture = np.ascontiguousarray(values[:, ::-1, k].T)
        plain = imtrans.load(run).translate(np.repeat(picture[..., None], 3, axis=-1), size="native")
        assert np.abs(plain.astype(int) - made[:, ::-1, k].transpose(1, 0, 2)).max() <= 1


def test_slices_do_not_depend_on_how_the_file_stores_them(tmp_path):
    source = nibabel.load(write_nifti(tmp_path / "a.nii", noise(7, 8, 9)))
    expected = slices(tmp_path / "a.nii", ImageSpec(channels=1, axes="PLS"))
    assert expected.shape == (9, 8, 7, 1)
    for codes in ("RAS", "PIR", "SLA", "IRP"):
        turn = nibabel.orientations.ornt_transform(
            nibabel.io_orientation(source.affine), nibabel.orientations.axcodes2ornt(codes)
        )
        path = tmp_path / f"{codes}.nii.gz"
        nibabel.save(source.as_reoriented(turn), path)
        np.testing.assert_array_equal(slices(path, ImageSpec(channels=1, axes="PLS")), expected)
        check_format("nifti", path, spec=ImageSpec(channels=1, axes="ILP"))


def test_a_plain_model_sees_the_slices_of_the_file_as_they_are_shown(tmp_path):
    sagittal = nibabel.Nifti1Image(noise(4, 5, 6), np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]]))
    nibabel.save(sagittal, tmp_path / "s.nii")
    # Stored to A, S, R: rows to I, columns to P.
    expected = np.asarray(sagittal.dataobj)[::-1, ::-1].transpose(2, 1, 0)
    np.testing.assert_array_equal(slices(tmp_path / "s.nii")[..., 0], expected)


def test_neighbours_are_channels_and_the_ends_are_repeated(tmp_path):
    path = write_nifti(tmp_path / "head.nii", noise(6, 5, 4))
    single = slices(path)[..., 0]
    five = slices(path, ImageSpec(kind="data", channels=5))
    for channel, offset in enumerate(range(-2, 3)):
        expected = single[np.clip(np.arange(4) + offset, 0, 3)]
        np.testing.assert_array_equal(five[..., channel], expected)


def test_components_are_channels_or_come_one_after_the_other(tmp_path):
    values = noise(6, 5, 4, 2)
    path = write_nifti(tmp_path / "two.nii", values)
    both = slices(path, ImageSpec(kind="data", channels=2))
    np.testing.assert_array_equal(both, values[:, ::-1].transpose(2, 1, 0, 3))
    in_turn = slices(path)[..., 0]
    np.testing.assert_array_equal(in_turn, np.concatenate([both[..., 0], both[..., 1]]))
    six = slices(path, ImageSpec(kind="data", channels=6))
    np.testing.assert_array_equal(six[..., 2:4], both)
    check_format("nifti", path, spec=ImageSpec(kind="data", channels=2))
    check_format("nifti", path, spec=GREY)
    with pytest.raises(DataError, match="2 values a voxel; the model takes 4 channels"):
        Nifti().open(path, ImageSpec(kind="data", channels=4))


def test_slope_is_applied_once_and_not_passed_on(tmp_path):
    stored = noise(5, 6, 3, low=0, high=4000, dtype=np.int16)
    path = write_nifti(tmp_path / "ct.nii", stored)
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([0.5, -1024], "<f4").tobytes()  # scl_slope and scl_inter, where the standard has them
    path.write_bytes(content)
    expected = (stored * 0.5 - 1024)[:, ::-1].transpose(2, 1, 0)
    np.testing.assert_array_equal(slices(path, FLOAT)[..., 0], expected)
    check_format("nifti", path, spec=FLOAT)


def test_voxels_without_a_number_have_none_in_the_translation(tmp_path):
    values = noise(6, 5, 3).astype(np.float32)
    values[2, 3, 1] = np.nan
    path, kind = write_nifti(tmp_path / "pet.nii", values), Nifti()
    raster = kind.open(path, ImageSpec(kind="data", channels=3, bits=32))
    rows, columns = range(5), range(6)
    # The slice above has the voxel of its own there, not that of its neighbour.
    assert np.isfinite(raster.read(rows, columns, plane=0)).all()
    assert np.isnan(raster.read(rows, columns, plane=1)[1, 2]).any()
    for bits, filled in ((32, np.nan), (8, 0)):
        writer = kind.create(tmp_path / f"out{bits}.nii", raster, ImageSpec(channels=1, bits=bits))
        for plane in range(3):
            ones = np.ones((5, 6, 1), np.float32 if bits == 32 else np.uint8)
            writer.write(rows, columns, ones, valid=raster.valid(rows, columns, plane=plane), plane=plane)
        writer.close()
        result = np.asarray(nibabel.load(tmp_path / f"out{bits}.nii").dataobj)
        np.testing.assert_array_equal(result[2, 3, 1], filled)
        assert (np.delete(result.ravel(), 2 * 15 + 3 * 3 + 1) == 1).all()
    assert "1 voxels have no value (NaN or padding): nan in the translation" in raster.notes[0]
    check_format("nifti", path, spec=ImageSpec(kind="data", channels=3, bits=32))


def test_the_format_keeps_its_contract(tmp_path):
    check_format("nifti", write_nifti(tmp_path / "a.nii.gz", noise(13, 11, 5)), spec=GREY)
    deep = ImageSpec(kind="data", channels=1, bits=16)
    check_format("nifti", write_nifti(tmp_path / "b.nii", noise(13, 11, 5, dtype=np.uint16)), spec=deep)
    check_format("nifti", write_nifti(tmp_path / "c.nii", noise(9, 7, 2, dtype=np.float64)), spec=FLOAT)
    nibabel.save(nibabel.Nifti2Image(noise(9, 7, 2), OBLIQUE), tmp_path / "two.nii")
    check_format("nifti", tmp_path / "two.nii", spec=GREY)


def test_equal_voxels_are_equal_files(cli, run, tmp_path):
    source = write_nifti(tmp_path / "head.nii.gz", noise(40, 36, 2))
    for out in ("one", "two"):
        translated(cli, run, source, tmp_path / out)
    one, two = ((tmp_path / out / "head.nii.gz").read_bytes() for out in ("one", "two"))
    assert one == two


def test_broken_files_and_other_values_are_named(cli, run, tmp_path):
    whole = write_nifti(tmp_path / "cut.nii", noise(40, 36, 3))
    whole.write_bytes(whole.read_bytes()[:-500])
    packed = write_nifti(tmp_path / "torn.nii.gz", noise(40, 36, 3))
    packed.write_bytes(packed.read_bytes()[:-500])
    text = tmp_path / "text.nii.gz"
    text.write_bytes(gzip.compress(b"no volume"))
    for path, message in ((whole, "ends before its last voxel"), (packed, "ended before"), (text, "text.nii.gz")):
        outcome = cli("translate", str(run), str(path), "-o", str(tmp_path / "out"))
        assert (outcome.code, message in outcome.err) == (3, True), outcome.err
        assert "Traceback" not in outcome.err
    assert not list((tmp_path / "out").glob("*"))
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), np.complex64), np.eye(4)), tmp_path / "radio.nii")
    with pytest.raises(DataError, match="values of complex64"):
        Nifti().open(tmp_path / "radio.nii", GREY)
    flat = nibabel.Nifti1Image(noise(4, 4, 4), None)
    flat.header["sform_code"], flat.header["srow_x"] = 1, [1, 0, 0, 0]
    nibabel.save(flat, tmp_path / "flat.nii")
    with pytest.raises(DataError, match="affine has no direction"):
        Nifti().open(tmp_path / "flat.nii", GREY)
    with pytest.raises(ConfigError, match="NIfTI is written as"):
        Nifti().create(tmp_path / "a.png", Nifti().open(write_nifti(tmp_path / "a.nii", noise(4, 4, 4)), GREY), GREY)


@pytest.mark.slow
def test_memory_is_that_of_some_slices(tmp_path):
    path, kind = write_nifti(tmp_path / "large.nii.gz", noise(128, 128, 300, low=0, high=2)), Nifti()  # 4.9 MB
    tracemalloc.start()
    try:
        raster = kind.open(path, ImageSpec(kind="data", channels=3, axes="PLS"))
        writer = kind.create(tmp_path / "out.nii.gz", raster, ImageSpec(kind="data", channels=1, bits=32))
        for plane in range(raster.planes):
            values = raster.read(range(128), range(128), plane=plane)
            writer.write(range(128), range(128), values[..., :1].astype(np.float32), plane=plane)
        writer.close()
        raster.close()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000  # of 1 MB are the blocks that are packed and unpacked; the result has 20 MB
    result, source = (np.asarray(nibabel.load(p).dataobj) for p in (tmp_path / "out.nii.gz", path))
    np.testing.assert_array_equal(result[..., 1:], source[..., :-1])  # the first channel is the slice before


def test_a_disk_without_room_for_what_is_unpacked_is_said(tmp_path):
    resource = pytest.importorskip("resource", reason="this system has no limit of a file's size")
    raster = Nifti().open(write_nifti(tmp_path / "head.nii.gz", noise(64, 64, 20)), GREY)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))  # files may grow to 20 kB
    try:
        with pytest.raises(ResourceError, match="File too large") as caught:
            raster.read(range(64), range(64))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "head.nii.gz is unpacked there. Make room, or set TMPDIR" in caught.value.hint
    raster.close()


def test_a_file_that_does_not_say_how_it_lies_is_said(cli, run, tmp_path):
    source = tmp_path / "bare.nii"
    nibabel.save(nibabel.Nifti1Image(noise(40, 36, 2), None), source)
    assert "does not say how it lies in the body" in translated(cli, run, source, tmp_path / "out").err


def test_what_is_for_plain_pictures_is_said(cli, run, tmp_path):
    source = write_nifti(tmp_path / "head.nii", noise(40, 36, 2))
    outcome = cli("translate", str(run), str(source), "-o", str(tmp_path / "out"), "--samples", "2")
    assert outcome.code == 2
    assert "--samples: is for plain pictures" in outcome.err
    assert "--format png" not in outcome.err  # no volume is read as a plain picture


def test_without_nibabel_one_line_says_what_to_install(tmp_path, monkeypatch):
    source = write_nifti(tmp_path / "head.nii", noise(4, 4, 4))
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(NotInstalledError, match="package 'nibabel' is not installed") as caught:
        Nifti().open(source, GREY)
    assert 'pip install "imtrans[medical]"' in caught.value.hint
