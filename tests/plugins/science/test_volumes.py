"""Slices of volumes: drawn by seed, epoch and index, patients in one split, background left out."""

import nibabel
import numpy as np
import pytest
from example_methods import FOLDERS
from factories import config, go_on, job
from safetensors.numpy import load_file
from volumes import OBLIQUE, noise, phantom, write_nifti, write_pairs

import imtrans
from imtrans.config.resolve import resolve
from imtrans.config.sources import Assignment, Layer
from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.data.sampler import SampleIndex
from imtrans.engine.inference.large.footprint import TileLimits
from imtrans.engine.inference.raster_translation import RasterWork
from imtrans.engine.training import setup, trainer
from imtrans.errors import ConfigError, DataError
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef
from imtrans.plugins.discovery import Selection, discover
from imtrans.testing import check_dataset
from imtrans_medical.nifti import Nifti

SMALL = {"generator.depth": "2", "generator.width": "2", "discriminator.width": "2", "metrics": '["l1", "psnr"]'}
SMALL |= {"data.size": "32", "augment": "[]"}
RANGES = {"source_range": (0.0, 1000.0), "target_range": (-1000.0, 1000.0)}
NAMES = ("p1_a", "p1_b", "p2_a", "p3_a", "p4_a")


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    """Five pairs of four patients."""
    return write_pairs(tmp_path_factory.mktemp("volumes") / "heads", NAMES)


def chosen(folder, **more):
    return ComponentRef("volumes", {"path": str(folder), "slices": 6, **RANGES, **more})


def loader(folder, split="train", size="32", **more):
    return open_split(config({**SMALL, "data.size": size, "train.seed": "3"}, dataset=chosen(folder, **more)), split)


def keys(loading):
    data = loading.source.dataset
    return {data.key(i) for i in range(len(data))}


def test_the_data_set_keeps_its_contract(heads):
    check_dataset("volumes", size=(32,), path=str(heads), slices=3, **RANGES)


def test_a_slice_follows_from_seed_epoch_and_index(heads):
    one, two = loader(heads), loader(heads)
    places = [SampleIndex(epoch, index) for epoch in (0, 1) for index in (0, 1, 7)]
    for place in places:
        first, again = one.read(place), two.read(place)
        assert first.draw == again.draw
        np.testing.assert_array_equal(first.pair.source, again.pair.source)
        # The same place of both: B is A on another scale, but for noise.
        assert np.abs(2 * first.pair.source - 1000 - first.pair.target).max() < 60
    sources = [one.read(place).pair.source.tobytes() for place in places]
    assert len(set(sources)) == len(sources)


def test_validation_has_the_same_slices_each_time(heads):
    val = loader(heads, "val")
    first, later = (val.read(SampleIndex(epoch, 0)).pair for epoch in (0, 5))
    np.testing.assert_array_equal(first.source, later.source)


def test_no_patient_is_in_two_splits(heads):
    of = {split: {key[:2] for key in keys(loader(heads, split))} for split in ("train", "val")}
    assert of["train"] | of["val"] == {"p1", "p2", "p3", "p4"}
    assert not of["train"] & of["val"]
    assert of["val"]


def test_a_pattern_says_whose_a_volume_is(heads, tmp_path):
    data = loader(heads, patient="_(.)").source.dataset
    assert {data.description.group_of(f"{name}@0") for name in NAMES} == {"a", "b"}
    with pytest.raises(ConfigError, match=r"dataset\.patient '\(': "):
        len(loader(heads, patient="(").source.dataset)
    # Names that all begin alike: each is a patient.
    alike = loader(write_pairs(tmp_path / "alike", ("case_1", "case_2"), (32, 32, 3))).source.dataset
    assert [alike.description.group_of(f"case_{i}@0") for i in (1, 2)] == ["case_1", "case_2"]


def test_a_patient_of_training_and_validation_is_refused(tmp_path):
    write_pairs(tmp_path / "train", ("p1_a", "p2_a"), (32, 32, 3))
    write_pairs(tmp_path / "val", ("p2_b",), (32, 32, 3))
    with pytest.raises(DataError, match=r"patient 'p2' is in train and in val \(p2_b\)"):
        len(loader(tmp_path).source.dataset)
    whole = loader(tmp_path, patient=".*").source.dataset
    assert len(whole) == 12


def test_windows_of_background_are_drawn_again(heads):
    for least in (0.0, 0.2):
        data = loader(heads, size="16", least=least).source.dataset
        shares = [(data.drawn(i, n).source > 50).mean() for i in range(0, 20, 6) for n in range(12)]
        assert (min(shares) >= 0.2) == (least > 0)


def test_small_slices_are_surrounded_and_masked(heads):
    pair = loader(heads, size="64").read(SampleIndex(0, 0)).pair  # slices of 40 x 48
    assert pair.source.shape == pair.target.shape == (64, 64, 1)
    inside = np.zeros((64, 64), bool)
    inside[12:52, 8:56] = True
    np.testing.assert_array_equal(pair.extras["mask"][..., 0] > 0, inside)
    assert (pair.source[~inside] == 0).all()
    assert (pair.target[~inside] == -1000).all()


def test_slices_are_of_one_plane_however_files_are_stored(tmp_path):
    for name, codes in (("a", "LAS"), ("b", "SPR")):
        for side in "AB":
            image = nibabel.load(write_nifti(tmp_path / "x.nii", noise(9, 8, 7)))
            turn = nibabel.orientations.ornt_transform(
                nibabel.io_orientation(image.affine), nibabel.orientations.axcodes2ornt(codes)
            )
            (tmp_path / side).mkdir(exist_ok=True)
            nibabel.save(image.as_reoriented(turn), tmp_path / side / f"{name}.nii")
    plain = {"source_range": (), "target_range": ()}
    data = loader(tmp_path, size="10", plane="coronal", **plain).source.dataset.inner
    assert data.data_spec.source.axes == "ILP"
    assert (data.data_spec.source.bits, data.data_spec.source.kind) == (8, "image")
    one, two = (data.drawn(i, 5).source for i in (0, 6))
    np.testing.assert_array_equal(one, two)


def test_neighbours_are_channels_of_the_source_alone(heads):
    data = loader(heads, neighbours=1).source.dataset
    assert (data.data_spec.source.channels, data.data_spec.target.channels) == (3, 1)
    pair = data.drawn(0, 1)
    assert np.abs(2 * pair.source[..., 1:2] - 1000 - pair.target).max() < 60
    assert not np.array_equal(pair.source[..., 0], pair.source[..., 1])


def test_blocks_are_of_three_axes_and_masked_beyond_the_volume(heads):
    data = loader(heads, size="16", depth=16).source.dataset  # of 12 slices
    pair = data.drawn(0, 1)
    assert pair.source.shape == pair.target.shape == pair.extras["mask"].shape == (16, 16, 16, 1)
    inside = pair.extras["mask"][..., 0] > 0
    assert (inside.all((1, 2)) == (np.abs(np.arange(16) - 7.5) < 6)).all()
    assert np.abs(2 * pair.source - 1000 - pair.target)[inside].max() < 60
    part = loader(heads, size="16", depth=4).source.dataset
    assert len({part.drawn(0, n).source.tobytes() for n in range(3)}) == 3
    with pytest.raises(ConfigError, match="not both"):
        len(loader(heads, depth=4, neighbours=1).source.dataset)


@pytest.fixture
def sketches(monkeypatch):
    """The catalog with the networks of three axes of examples/methods."""
    for folder in FOLDERS:
        monkeypatch.syspath_prepend(folder)
    return discover(Selection(allow=frozenset({"imtrans-example-methods"})))


@pytest.mark.slow
def test_a_model_of_three_axes_translates_whole_volumes(heads, sketches, tmp_path):
    catalog = Catalog(sketches.records)
    values = {("train", "steps"): 2, ("train", "num_samples"): 1, ("data", "size"): 16}
    layer = Layer("test", [Assignment(key, value, "test") for key, value in values.items()])
    config = resolve(catalog, "example-volume", dataset=chosen(heads, depth=8), layers=[layer])
    made = setup.setup_training(config, catalog=catalog, plugins=sketches, folder=tmp_path / "run", is_quiet=True)
    trainer.fit(made)
    model = imtrans.load(tmp_path / "run", plugins=sketches)
    source = write_nifti(tmp_path / "new.nii", np.rint(1000 * phantom(20, 18, 7)).astype(np.int16))
    RasterWork(translator=model, limits=TileLimits()).run(
        (Nifti(), Nifti()), source, tmp_path / "out.nii", lambda *_: None
    )
    result = nibabel.load(tmp_path / "out.nii")
    assert (result.shape, result.affine.tobytes()) == ((20, 18, 7), nibabel.load(source).affine.tobytes())
    # The same as the network gives of the block itself, in the body's axes: OBLIQUE runs to L, A, S.
    block = np.asarray(nibabel.load(source).dataobj, np.float32)[:, ::-1].transpose(2, 1, 0)[..., None]
    expected = model.run(block)
    np.testing.assert_array_equal(np.asarray(result.dataobj)[:, ::-1].transpose(2, 1, 0), expected[..., 0])
    assert np.ptp(expected) > 0


def test_compressed_volumes_are_unpacked_once_and_this_is_said(heads, tmp_path, monkeypatch):
    monkeypatch.setenv("IMTRANS_HOME", str(tmp_path))
    loading = loader(heads)
    assert any(
        "compressed volumes are unpacked into the cache folder" in n for n in loading.source.dataset.description.notes
    )
    loading.read(SampleIndex(0, 0))
    stored = {path: path.stat().st_mtime_ns for path in (tmp_path / "volumes").iterdir()}
    assert len(stored) == 2
    loader(heads).read(SampleIndex(0, 0))
    assert stored == {path: path.stat().st_mtime_ns for path in (tmp_path / "volumes").iterdir()}


def test_what_does_not_fit_is_named(tmp_path):
    write_pairs(tmp_path / "a", ("p1", "p2"), (32, 32, 3))
    moved = OBLIQUE.copy()
    moved[0, 3] += 0.5
    write_nifti(tmp_path / "a" / "B" / "p1.nii.gz", noise(32, 32, 3), affine=moved)
    with pytest.raises(DataError, match=r"p1\.nii\.gz: lie 0\.\d+ voxels apart"):
        len(loader(tmp_path / "a").source.dataset)
    write_nifti(tmp_path / "a" / "B" / "p1.nii.gz", noise(32, 32, 4))
    with pytest.raises(DataError, match="are of 32 x 32 x 3 and 32 x 32 x 4 voxels"):
        len(loader(tmp_path / "a").source.dataset)
    with pytest.raises(DataError, match="values of more than 8 bits") as caught:
        len(loader(tmp_path / "a", source_range=()).source.dataset)
    assert "dataset.source_range=[LOW,HIGH]" in caught.value.hint
    (tmp_path / "a" / "B" / "p2.nii.gz").unlink()
    with pytest.raises(DataError, match="p2 without a partner"):
        len(loader(tmp_path / "a").source.dataset)
    with pytest.raises(DataError, match="no volumes are named"):
        len(loader(tmp_path / "a", path="").source.dataset)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_resumed_run_equals_an_uninterrupted_one(heads, tmp_path, workers):
    settings = {**SMALL, "train.save_every": "2", "data.workers": workers, "train.schedule": "constant"}
    whole = trainer.fit(job(tmp_path / "whole", {**settings, "train.steps": "4"}, dataset=chosen(heads)))
    trainer.fit(job(tmp_path / "half", {**settings, "train.steps": "2"}, dataset=chosen(heads)))
    resumed = trainer.fit(go_on(tmp_path / "half", {**settings, "train.steps": "4"}, dataset=chosen(heads)))
    one, two = (load_file(each.checkpoint / "model.safetensors") for each in (whole, resumed))
    assert one.keys() == two.keys()
    assert all(one[name].tobytes() == two[name].tobytes() for name in one)


@pytest.mark.slow
def test_a_model_of_volumes_learns_and_translates_another_volume(cli, heads, tmp_path):
    """MR-like to CT-like: after a few steps the body is nearer to the truth than a picture of the mean."""
    settings = {
        **SMALL,
        "train.steps": "150",
        "generator.width": "8",
        "data.batch_size": "4",
        "train.optimizer.lr": "0.002",
    }
    settings |= {"inference.norm": "running", "inference.dropout": "false"}
    trainer.fit(job(tmp_path / "run", settings, dataset=chosen(heads, neighbours=1)))
    write_pairs(tmp_path / "new", ("p9",), (64, 48, 6), suffix=".nii", first=9)
    source = tmp_path / "new" / "A" / "p9.nii"
    outcome = cli("translate", str(tmp_path / "run"), str(source), "-o", str(tmp_path / "out.nii.gz"))
    assert outcome.code == 0, outcome.err
    made, truth = nibabel.load(tmp_path / "out.nii.gz"), nibabel.load(tmp_path / "new" / "B" / "p9.nii")
    assert made.get_data_dtype() == np.float32
    assert made.affine.tobytes() == truth.affine.tobytes()
    values, expected = np.asarray(made.dataobj), np.asarray(truth.dataobj)
    assert values.min() >= -1000
    assert values.max() <= 1000
    error, error_of_mean = np.abs(values - expected).mean(), np.abs(expected - expected.mean()).mean()
    assert error < error_of_mean / 2
