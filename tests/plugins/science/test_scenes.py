"""Windows of GeoTIFF scenes: drawn by seed, epoch and index, whole scenes in a split, and a mask where nothing is."""

import numpy as np
import pytest
import torch
from factories import config, go_on, job
from scenes import write_scene

from imtrans.engine.data.loader import prepare
from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.data.sampler import SampleIndex
from imtrans.engine.training import trainer
from imtrans.errors import DataError
from imtrans.plugins.component import ComponentRef
from imtrans.testing import check_dataset

SMALL = {"generator.depth": "2", "generator.width": "2", "discriminator.width": "2", "metrics": '["l1", "psnr"]'}
SMALL |= {"data.size": "32", "augment": "[]"}


@pytest.fixture
def scenes(tmp_path):
    """Five scenes, each of one grey of its own in the source; nodata in a part of the targets."""
    for number in range(5):
        for side in "AB":
            values = np.random.default_rng(number).integers(1, 10, (3, 80, 100), dtype=np.uint8) + np.uint8(40 * number)
            if side == "B":
                values = np.maximum(255 - values, 1)
                values[:, :20] = 0
            (tmp_path / "land" / side).mkdir(parents=True, exist_ok=True)
            write_scene(tmp_path / "land" / side / f"s{number}.tif", values, nodata=0, photometric="RGB")
    return tmp_path / "land"


def chosen(folder, **more):
    return ComponentRef("scenes", {"path": str(folder), "windows": 6, **more})


def loader(folder, split="train", **more):
    return open_split(config({**SMALL, "train.seed": "3"}, dataset=chosen(folder, **more)), split)


def test_the_data_set_keeps_its_contract(scenes):
    check_dataset("scenes", size=(32,), path=str(scenes), windows=3)


def test_a_window_follows_from_seed_epoch_and_index(scenes):
    one, two = loader(scenes), loader(scenes)
    places = [SampleIndex(epoch, index) for epoch in (0, 1) for index in (0, 1, 7)]
    for place in places:
        first, again = one.read(place), two.read(place)
        assert first.draw == again.draw
        np.testing.assert_array_equal(first.pair.source, again.pair.source)
        np.testing.assert_array_equal(
            255 - first.pair.source[first.pair.extras["mask"][..., 0] > 0],
            first.pair.target[first.pair.extras["mask"][..., 0] > 0],
        )
    sources = [one.read(place).pair.source.tobytes() for place in places]
    assert len(set(sources)) == len(sources)  # another window in each epoch


def test_validation_has_the_same_windows_each_time(scenes):
    val = loader(scenes, "val")
    first, later = (val.read(SampleIndex(epoch, 0)).pair for epoch in (0, 5))
    np.testing.assert_array_equal(first.source, later.source)


@pytest.mark.slow
def test_no_scene_is_in_two_splits(scenes):
    of = {
        s: {loader(scenes, s).source.dataset.key(i).split("@")[0] for i in range(len(loader(scenes, s).source.dataset))}
        for s in ("train", "val")
    }
    assert of["train"] | of["val"] == {f"s{i}" for i in range(5)}
    assert not of["train"] & of["val"]
    assert of["val"]


def test_pixels_without_a_value_are_left_out_of_the_loss(scenes):
    loading = loader(scenes, least=0.0)
    from imtrans.engine.data.loader import Samples

    samples = Samples(loading)
    stored = samples.received(samples.collate(samples.__getitems__([SampleIndex(0, i) for i in range(24)])))
    batch = prepare(stored, loading.data_spec, torch.device("cpu"))
    assert "mask" not in batch.extras
    assert 0 < batch.valid.mean() < 1
    assert (batch.target[(batch.valid == 0).expand_as(batch.target)] == 0).all()
    # The target is the negative of the source wherever it is compared.
    assert ((batch.source + batch.target) * batch.valid).abs().max() < 1e-6


def test_windows_of_little_content_are_drawn_again(scenes):
    for share in (0.0, 1.0):
        data = loader(scenes, least=share).source.dataset
        least = min(data.drawn(i, n).extras["mask"].mean() for i in range(4) for n in range(8))
        assert (least == 1) == (share == 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_resumed_run_equals_an_uninterrupted_one(scenes, tmp_path, workers):
    settings = {**SMALL, "train.save_every": "2", "data.workers": workers, "train.schedule": "constant"}
    whole = trainer.fit(job(tmp_path / "whole", {**settings, "train.steps": "4"}, dataset=chosen(scenes)))
    trainer.fit(job(tmp_path / "half", {**settings, "train.steps": "2"}, dataset=chosen(scenes)))
    resumed = trainer.fit(go_on(tmp_path / "half", {**settings, "train.steps": "4"}, dataset=chosen(scenes)))
    ends = [(each.checkpoint / "model.safetensors").read_bytes()[-5_000:] for each in (whole, resumed)]
    assert ends[0] == ends[1]


def test_windows_are_cut_and_not_resized(scenes, tmp_path):
    made = job(tmp_path / "run", SMALL, dataset=chosen(scenes))
    assert made.model.data_spec.stored is None


def test_scenes_of_two_grids_and_floats_without_a_range_are_refused(scenes, tmp_path):
    write_scene(scenes / "B" / "s0.tif", np.ones((3, 80, 100), np.uint8), crs="EPSG:32634", photometric="RGB")
    with pytest.raises(DataError, match="differ in size, transform or coordinate system"):
        len(loader(scenes).source.dataset)
    for side in "AB":
        (tmp_path / "heights" / side).mkdir(parents=True)
        write_scene(tmp_path / "heights" / side / "h.tif", np.ones((1, 64, 64), np.float32))
    with pytest.raises(DataError, match="values of float32") as caught:
        len(loader(tmp_path / "heights").source.dataset)
    assert "dataset.source_range=[LOW,HIGH]" in caught.value.hint
    (scenes / "A" / "s1.tif").unlink()
    with pytest.raises(DataError, match="s1 without a partner"):
        len(loader(scenes).source.dataset)
