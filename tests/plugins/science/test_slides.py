"""Patches of slides: drawn by seed, epoch and index where there is tissue, whole patients in a split."""

import numpy as np
import pytest
from factories import config, go_on, job
from slides import stained, write_slide

from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.data.sampler import SampleIndex
from imtrans.engine.training import trainer
from imtrans.errors import ConfigError, DataError
from imtrans.plugins.component import ComponentRef
from imtrans.testing import check_dataset

SMALL = {"generator.depth": "2", "generator.width": "2", "discriminator.width": "2", "metrics": '["l1", "psnr"]'}
SMALL |= {"data.size": "32", "augment": "[]"}


@pytest.fixture
def slides(tmp_path):
    """Three patients with two slides each; the target is the negative of the source."""
    for number in range(6):
        values = stained(220, 260, seed=number)
        name = f"p{number // 2}_{number}"
        write_slide(tmp_path / "set" / "A" / f"{name}.ome.tif", values, tile=64)
        write_slide(tmp_path / "set" / "B" / f"{name}.ome.tif", 255 - values, tile=64)
    return tmp_path / "set"


def chosen(folder, **more):
    return ComponentRef("slides", {"path": str(folder), "patches": 4, "patient": "^([^_]+)", **more})


def loader(folder, split="train", **more):
    return open_split(config({**SMALL, "train.seed": "3"}, dataset=chosen(folder, **more)), split)


def test_the_data_set_keeps_its_contract(slides):
    check_dataset("slides", size=(32,), path=str(slides), patches=3)


def test_a_patch_follows_from_seed_epoch_and_index(slides):
    one, two = loader(slides), loader(slides)
    places = [SampleIndex(epoch, index) for epoch in (0, 1) for index in (0, 1, 7)]
    for place in places:
        first, again = one.read(place).pair, two.read(place).pair
        np.testing.assert_array_equal(first.source, again.source)
        np.testing.assert_array_equal(255 - first.source, first.target)
    assert len({one.read(place).pair.source.tobytes() for place in places}) == len(places)


def test_validation_has_the_same_patches_each_time(slides):
    val = loader(slides, "val")
    first, later = (val.read(SampleIndex(epoch, 0)).pair for epoch in (0, 5))
    np.testing.assert_array_equal(first.source, later.source)


def test_no_patient_is_in_two_splits(slides):
    def patients(split):
        data = loader(slides, split).source.dataset
        return {data.key(i).split("_")[0] for i in range(len(data))}

    assert patients("train") | patients("val") == {"p0", "p1", "p2"}
    assert not patients("train") & patients("val")
    assert patients("val")


def test_patients_in_two_folders_are_refused(slides):
    for split, names in (("train", ("p0_0", "p1_2")), ("val", ("p1_3",))):
        for side in "AB":
            (slides / split / side).mkdir(parents=True)
            for name in names:
                (slides / side / f"{name}.ome.tif").rename(slides / split / side / f"{name}.ome.tif")
    with pytest.raises(DataError, match=r"patient 'p1' is in train and in val \(p1_3\)"):
        len(loader(slides).source.dataset)
    assert len(loader(slides, patient="").source.dataset) == 8  # each slide is a patient of its own


@pytest.mark.parametrize("least", [0.3, 0.9])
def test_background_is_left_out(slides, least):
    data = loader(slides, least=least).source.dataset
    shares = [(data.drawn(i, n).source.min(-1) < 230).mean() for i in range(4) for n in range(10)]
    # The share is counted in pixels of the small picture, here those of the slide, up to a pixel along either side.
    assert min(shares) >= least - 0.05
    none = loader(slides, least=least, background="none").source.dataset
    assert min((none.drawn(0, n).source.min(-1) < 230).mean() for n in range(40)) < 0.1


def test_fluorescence_is_dark_where_it_is_empty_and_pieces_are_found(tmp_path):
    values = np.zeros((1, 3000, 3100), np.uint16)
    values[0, 2000:2200, 300:500] = 30_000
    for name in ("f", "g"):
        for side in "AB":
            write_slide(tmp_path / side / f"{name}.ome.tif", values, axes="CYX", levels=3)
    data = loader(tmp_path).source.dataset
    assert data.data_spec.source.bits == 16
    for number in range(8):
        pair = data.drawn(0, number)
        assert (pair.source > 0).mean() >= 0.4
        np.testing.assert_array_equal(pair.source, pair.target)


def test_patches_can_be_of_another_level(slides):
    data = loader(slides, microns=0.5).source.dataset
    patch = data.drawn(0, 1).source
    whole = stained(220, 260, seed=int(data.key(0).split("@")[0][-1]))[::2, ::2]
    windows = np.lib.stride_tricks.sliding_window_view(whole, (32, 32, 3))[:, :, 0]
    assert (windows == patch).all((2, 3, 4)).any()


def test_slides_of_two_grids_are_refused(slides):
    write_slide(slides / "B" / "p0_0.ome.tif", stained(220, 260), microns=0.5)
    with pytest.raises(DataError, match=r"260 x 220 of 0.25 microns and 260 x 220 of 0.5 microns"):
        len(loader(slides).source.dataset)
    with pytest.raises(ConfigError, match=r"dataset\.patient '\('"):
        len(loader(slides, patient="(").source.dataset)
    with pytest.raises(DataError, match="does not fit"):
        len(loader(slides, patient="^(x)").source.dataset)
    (slides / "A" / "p0_0.ome.tif").unlink()
    with pytest.raises(DataError, match="p0_0 without a partner"):
        len(loader(slides).source.dataset)


def test_stacks_and_floats_without_a_range_are_refused(tmp_path):
    for side in "AB":
        for name in ("one", "two"):
            write_slide(tmp_path / "stacks" / side / f"{name}.ome.tif", np.zeros((2, 64, 64), np.uint8), axes="ZYX")
            write_slide(tmp_path / "floats" / side / f"{name}.ome.tif", np.ones((64, 64), np.float32), axes="YX")
    with pytest.raises(DataError, match="2 planes"):
        len(loader(tmp_path / "stacks").source.dataset)
    with pytest.raises(DataError, match="values of float32"):
        len(loader(tmp_path / "floats").source.dataset)
    assert len(loader(tmp_path / "floats", source_range=[0, 2], target_range=[0, 2]).source.dataset) == 4


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_resumed_run_equals_an_uninterrupted_one(slides, tmp_path, workers):
    settings = {**SMALL, "train.save_every": "2", "data.workers": workers, "train.schedule": "constant"}
    whole = trainer.fit(job(tmp_path / "whole", {**settings, "train.steps": "4"}, dataset=chosen(slides)))
    trainer.fit(job(tmp_path / "half", {**settings, "train.steps": "2"}, dataset=chosen(slides)))
    resumed = trainer.fit(go_on(tmp_path / "half", {**settings, "train.steps": "4"}, dataset=chosen(slides)))
    ends = [(each.checkpoint / "model.safetensors").read_bytes()[-5_000:] for each in (whole, resumed)]
    assert ends[0] == ends[1]
