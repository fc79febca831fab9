"""The built-in networks of three axes, from `imtrans run` to a translated volume."""

import json

import nibabel
import numpy as np
import pytest
import torch
from factories import go_on, job
from PIL import Image
from safetensors.numpy import load_file
from three_axes import SMALL, blocks
from volumes import phantom, write_nifti, write_pairs

import imtrans
from imtrans.engine.training import trainer
from imtrans.errors import ConfigError, DataError, ShapeError
from imtrans.interfaces import Batch
from imtrans_metrics.pixels import SSIM


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("volumes") / "heads", ("p1_a", "p2_a", "p3_a"), (24, 24, 9))


@pytest.mark.slow
def test_the_recipe_of_pictures_trains_volumes_with_these_networks(cli, heads, tmp_path):
    """Its augmentation and its metrics, ssim among them, take volumes too."""
    options = {"dataset.path": str(heads), "dataset.depth": "8", "dataset.slices": "4"}
    options |= {"dataset.source_range": "[0,1000]", "dataset.target_range": "[-1000,1000]"}
    settings = [f"{k}={v}" for k, v in {**options, **SMALL}.items()]
    outcome = cli("run", "pix2pix", "--dataset", "volumes", "--steps", "2", "--name", "run",
                  *(part for setting in settings for part in ("--set", setting)))  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "ssim" in outcome.out
    model = imtrans.load("runs/run")
    # Of no size that the network takes: padded and cut.
    source = write_nifti(tmp_path / "odd.nii", np.rint(1000 * phantom(21, 18, 7)).astype(np.int16))
    outcome = cli("translate", "run", str(source), "-o", str(tmp_path / "made.nii"))
    assert outcome.code == 0, outcome.err
    made = nibabel.load(tmp_path / "made.nii")
    assert (made.shape, made.affine.tobytes()) == ((21, 18, 7), nibabel.load(source).affine.tobytes())
    with pytest.raises(ShapeError, match=r"takes volumes \(D, H, W, C\), not \(8, 8, 1\)"):
        model.translate(np.zeros((8, 8, 1), np.float32))
    Image.new("L", (8, 8)).save(tmp_path / "flat.png")
    with pytest.raises(DataError, match=r"flat\.png: a picture, and the model translates volumes"):
        model.translate(str(tmp_path / "flat.png"))


@pytest.mark.slow
def test_a_tiny_overfit_goes_down(heads, tmp_path):
    """150 steps on one block bring the distance to a fifth of where it began."""
    one = write_pairs(tmp_path / "one", ("p1", "p2"), (16, 16, 8))
    settings = {**SMALL, "train.steps": "150", "train.optimizer.lr": "0.002", "generator.width": "8", "augment": "[]"}
    settings |= {"metrics": '["l1"]', "train.log_every": "1", "data.batch_size": "1"}
    done = trainer.fit(job(tmp_path / "run", settings, dataset=blocks(one)))
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    losses = [row["reconstruction"] for row in rows if "reconstruction" in row]
    assert np.mean(losses[-5:]) < losses[0] / 5
    assert done.checkpoint.exists()


@pytest.mark.slow
def test_a_resumed_run_equals_an_uninterrupted_one(heads, tmp_path):
    settings = {**SMALL, "train.save_every": "2", "train.schedule": "constant", "generator.dropout": "0.5"}
    whole = trainer.fit(job(tmp_path / "whole", {**settings, "train.steps": "4"}, dataset=blocks(heads)))
    trainer.fit(job(tmp_path / "half", {**settings, "train.steps": "2"}, dataset=blocks(heads)))
    resumed = trainer.fit(go_on(tmp_path / "half", {**settings, "train.steps": "4"}, dataset=blocks(heads)))
    one, two = (load_file(each.checkpoint / "model.safetensors") for each in (whole, resumed))
    assert one.keys() == two.keys()
    assert all(one[name].tobytes() == two[name].tobytes() for name in one)


@pytest.mark.slow
def test_the_inference_policy_decides_about_dropout_and_norms(heads, tmp_path):
    settings = {**SMALL, "generator.norm": "batch", "generator.dropout": "0.5", "train.steps": "2"}
    trainer.fit(job(tmp_path / "run", settings, dataset=blocks(heads)))
    block = (1000 * phantom(12, 12, 8)).transpose(2, 1, 0)[..., None]
    noisy = imtrans.load(tmp_path / "run")
    calm = imtrans.load(tmp_path / "run", settings={"inference.dropout": False})
    assert not np.array_equal(noisy.run(block, seed=1), noisy.run(block, seed=2))
    np.testing.assert_array_equal(calm.run(block, seed=1), calm.run(block, seed=2))
    fixed = imtrans.load(tmp_path / "run", settings={"inference.dropout": False, "inference.norm": "running"})
    assert np.abs(fixed.run(block) - calm.run(block)).max() > 0


def test_networks_of_pictures_and_of_volumes_are_not_mixed_up(heads, tmp_path):
    of_pictures = {"generator": "", "discriminator": "", "generator.depth": "2", "discriminator.layers": ""}
    for number, (settings, dataset, named, fix) in enumerate(
        [
            ({**SMALL, **of_pictures}, blocks(heads), "generator 'unet256' and discriminator 'patchgan70' see pictures",
             "--set generator=unet3d --set discriminator=patchgan3d, or --set dataset.depth=0."),
            ({**SMALL, "discriminator": "patchgan16"}, blocks(heads), "discriminator 'patchgan16' sees pictures",
             "--set discriminator=patchgan3d"),
            ({**SMALL}, blocks(heads, depth=0), "see volumes", "--set dataset.depth=32."),
        ]
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=named) as caught:
            job(tmp_path / f"run{number}", settings, dataset=dataset)
        assert fix in caught.value.hint
        assert not (tmp_path / f"run{number}").exists()


def test_blocks_of_another_size_are_refused_with_the_option_that_changes_it(heads, tmp_path):
    with pytest.raises(ConfigError, match="samples of 6 x 16 x 16 voxels: the network takes multiples of 4") as caught:
        job(tmp_path / "run", SMALL, dataset=blocks(heads, depth=6))
    assert "--set dataset.depth=4 or 8" in caught.value.hint
    thick = {**SMALL, "generator.planar_levels": "1", "data.size": "18"}
    with pytest.raises(ConfigError, match="6 x 18 x 18 voxels: the network takes multiples of 2 x 4 x 4") as caught:
        job(tmp_path / "run", thick, dataset=blocks(heads, depth=6))
    assert "--set data.size=16 or 20" in caught.value.hint


def test_ssim_of_a_volume_is_the_mean_over_its_slices():
    random = torch.Generator().manual_seed(0)
    one, other = (torch.rand(2, 1, 3, 16, 14, generator=random) * 2 - 1 for _ in range(2))
    valid = (torch.rand(2, 1, 3, 16, 14, generator=random) > 0.1).float()
    metric, draws = SSIM(), torch.zeros(2)
    for mask in (None, torch.ones_like(valid)):
        volumes = metric.compute(one, Batch(source=one, target=other, keys="ab", draws=draws, valid=mask))
        slices = [
            metric.compute(one[:, :, d], Batch(source=one, target=other[:, :, d], keys="ab", draws=draws))
            for d in range(3)
        ]
        torch.testing.assert_close(volumes, torch.stack(slices).mean(0))
    masked = metric.compute(one, Batch(source=one, target=other, keys="ab", draws=draws, valid=valid))
    assert (masked != volumes).all()
