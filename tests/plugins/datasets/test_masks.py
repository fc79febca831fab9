"""A mask beside each pair: read with it, moved with it, left out of losses and metrics."""

import numpy as np
import pytest
import torch
from factories import config, job
from PIL import Image

import imtrans
from imtrans.engine.data.cache import with_cache
from imtrans.engine.data.loader import Samples, prepare
from imtrans.engine.data.pair_loader import open_split
from imtrans.engine.data.sampler import SampleIndex
from imtrans.engine.training import trainer
from imtrans.errors import DataError
from imtrans.interfaces import Batch
from imtrans.kit.report import metric_history
from imtrans.plugins.component import ComponentRef
from imtrans.testing import check_dataset, make

SMALL = {"generator.depth": "2", "generator.width": "2", "discriminator.width": "2", "data.size": "32"}
SMALL |= {"metrics": '["l1", "psnr"]', "adversarial.weight": "0", "train.steps": "4", "train.log_every": "1"}


def written(folder, *, garbage):
    """Pairs of grey and its negative; where the mask is 0 the target is `garbage`."""
    random = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 2)):
        for number in range(count):
            source = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            mask = np.zeros((32, 32), np.uint8)
            mask[8 : 20 + number, 4:28] = 255
            target = np.where(mask[..., None] > 0, 255 - source, np.uint8(garbage))
            for place, picture in ((f"{split}/A", source), (f"{split}/B", target), (f"mask/{split}", mask)):
                (folder / place).mkdir(parents=True, exist_ok=True)
                Image.fromarray(picture).save(folder / place / f"{number}.png")
    return ComponentRef("folder", {"path": str(folder), "masks": str(folder / "mask")})


def test_the_data_set_keeps_its_contract(tmp_path):
    written(tmp_path / "pairs", garbage=0)
    check_dataset("folder", size=(32,), path=str(tmp_path / "pairs"), masks=str(tmp_path / "pairs" / "mask"))


@pytest.mark.parametrize("cache", ["off", "on"])
@pytest.mark.parametrize("augment", ["[]", '["kornia-flip"]'])
def test_it_moves_with_its_pair_and_targets_are_0_outside(tmp_path, cache, augment):
    settings = {**SMALL, "augment": augment}
    chosen = config(settings, dataset=written(tmp_path / "pairs", garbage=200))
    (loading,) = with_cache([open_split(chosen, "train")], cache, is_silent=True)
    changes = [make("augmentation", "kornia-flip", probability=1.0)] if augment != "[]" else []
    for _ in range(2):  # the second time from the cache
        samples = Samples(loading)
        stored = samples.received(samples.collate(samples.__getitems__([SampleIndex(0, i) for i in range(4)])))
    batch = prepare(stored, loading.data_spec, torch.device("cpu"), changes)
    assert batch.valid.sum((1, 2, 3)).tolist() == [24.0 * (12 + number) for number in range(4)]
    assert ((batch.source + batch.target) * batch.valid).abs().max() < 1e-6
    assert not (batch.target * (1 - batch.valid)).any()


@pytest.mark.slow
def test_what_lies_outside_changes_no_loss_and_no_metric(tmp_path):
    logged, numbers = [], []
    for garbage in (0, 255):
        chosen = written(tmp_path / f"pairs{garbage}", garbage=garbage)
        folder = tmp_path / f"run{garbage}"
        # Without a jitter: resizing mixes the pixels at the border of a mask.
        trainer.fit(job(folder, {**SMALL, "augment": "[]"}, dataset=chosen))
        logged.append(metric_history.read(folder).column("reconstruction").finite())
        numbers.append(imtrans.evaluate(folder)["numbers"])
    assert logged[0] == logged[1]
    assert numbers[0] == numbers[1]


def test_metrics_are_means_over_what_is_compared():
    target, valid = torch.zeros(1, 3, 24, 24), torch.zeros(1, 1, 24, 24)
    valid[..., :6] = 1
    prediction = target + 0.5 * valid
    batch = Batch(source=target, target=target, keys=["a"], draws=torch.zeros(1), valid=valid)
    assert make("metric", "l1").compute(prediction, batch).item() == pytest.approx(0.5)
    assert make("metric", "psnr").compute(prediction, batch).item() == pytest.approx(10 * np.log10(4 / 0.25))
    near = make("metric", "ssim").compute(prediction, batch).item()
    assert near < make("metric", "ssim").compute(prediction, Batch(**{**vars(batch), "valid": None})).item()


def test_a_mask_that_is_missing_or_of_another_size_is_named(tmp_path):
    written(tmp_path / "pairs", garbage=0)
    mask = tmp_path / "pairs" / "mask" / "train" / "1.png"
    loading = open_split(config(SMALL, dataset=written(tmp_path / "pairs", garbage=0)), "train")
    Image.fromarray(np.zeros((5, 32), np.uint8)).save(mask)
    with pytest.raises(DataError, match="the mask and its pair are 32 x 5 and 32 x 32 pixels"):
        loading.sample(1)
    mask.unlink()
    with pytest.raises(DataError, match="no mask of it in"):
        loading.sample(1)
    with pytest.raises(DataError, match="no such folder"):
        len(
            open_split(
                config(SMALL, dataset=ComponentRef("folder", {"path": str(tmp_path / "pairs"), "masks": "nowhere"})),
                "train",
            ).source.dataset
        )
