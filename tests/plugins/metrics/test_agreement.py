"""Metrics beside those of other libraries, with the digits in which two definitions can agree."""

import math

import numpy as np
import pytest
import torch

from imtrans.interfaces import Batch, DataSpec, ImageSpec
from imtrans.kit.torchvision_compat import optional_vision
from imtrans.testing import make


def pair(size=64):
    """A picture of waves and the same with noise, 8 bits: (2, 3, size, size) in [0, 1]."""
    places = np.arange(size)
    waves = [0.5 + 0.4 * np.sin(places[:, None] / (5 + c) + places / (7 - c)) for c in range(3)]
    clean = np.stack(waves)
    noisy = clean + np.random.default_rng(0).normal(0, 0.12, clean.shape)
    return torch.from_numpy(np.stack([noisy, clean]).clip(0, 1) * 255).round().float() / 255


def rows(name, prediction, target, **options):
    """The rows of a metric for pictures (B, C, H, W) in [0, 1]."""
    sides = [side * 2 - 1 for side in (prediction, target)]
    batch = Batch(source=sides[1], target=sides[1], keys=["x"] * len(target), draws=torch.arange(len(target)))
    return make("metric", name, **options).compute(sides[0], batch)


def torchmetrics(module):
    """The functions of torchmetrics, which imports torchvision; that is made to import beside any torch first."""
    optional_vision("torchvision")
    return pytest.importorskip(f"torchmetrics.functional.{module}")


def test_ssim_of_whole_windows_is_that_of_scikit_image():
    metrics = pytest.importorskip("skimage.metrics")
    noisy, clean = pair()
    wanted = metrics.structural_similarity(
        *(side.numpy().astype(np.float64) for side in (noisy, clean)),
        channel_axis=0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
    )
    assert 0.3 < wanted < 0.7
    assert rows("ssim", noisy[None], clean[None]).item() == pytest.approx(wanted, abs=5e-6)


@pytest.mark.slow  # importing torchmetrics takes seconds
def test_ssim_with_the_rim_is_that_of_torchmetrics_and_another_number():
    image = torchmetrics("image")
    noisy, clean = (side[None] for side in pair())
    wanted = image.structural_similarity_index_measure(noisy, clean, data_range=1.0).item()
    assert rows("ssim", noisy, clean, padding="same").item() == pytest.approx(wanted, abs=1e-5)
    assert abs(rows("ssim", noisy, clean).item() - wanted) > 1e-3


def test_ssim_is_that_of_values_from_nought_to_one():
    """In [-1, 1] flat greys of .45 and .55 would be below -.9."""
    flat = torch.tensor([0.45, 0.55]).view(2, 1, 1, 1).expand(2, 3, 16, 16)
    assert rows("ssim", flat[:1], flat[1:]).item() > 0.97


def test_psnr_is_that_of_scikit_image():
    metrics = pytest.importorskip("skimage.metrics")
    noisy, clean = pair()
    wanted = metrics.peak_signal_noise_ratio(clean.numpy(), noisy.numpy(), data_range=1)
    assert rows("psnr", noisy[None], clean[None]).item() == pytest.approx(wanted, abs=1e-4)


def test_psnr_of_a_set_is_the_mean_of_its_pictures_and_not_of_a_pooled_error():
    target = torch.full((2, 3, 16, 16), 0.5)
    prediction = target + torch.tensor([0.001, 0.2]).view(2, 1, 1, 1)
    found = rows("psnr", prediction, target)
    assert found.tolist() == pytest.approx([60.0, 13.9794], abs=1e-2)
    assert make("metric", "psnr").aggregate(found)["psnr"] == pytest.approx(36.99, abs=1e-2)
    pooled = -10 * math.log10((0.001**2 + 0.2**2) / 2)
    assert pooled == pytest.approx(16.99, abs=1e-2)


@pytest.mark.parametrize("size", [192, 181, 161])
@pytest.mark.slow  # importing torchmetrics takes seconds
def test_ms_ssim_is_that_of_torchmetrics_where_that_takes_the_size(size):
    """No two libraries agree closer than 1e-4: they repeat or drop the last line of an odd size."""
    image = torchmetrics("image")
    noisy, clean = (side[None] for side in pair(size))
    found = rows("ms-ssim", noisy, clean).item()
    assert 0.5 < found < 1
    if size > 175:
        wanted = image.multiscale_structural_similarity_index_measure(noisy, clean, data_range=1.0).item()
        assert found == pytest.approx(wanted, abs=1e-4)


@pytest.mark.slow  # importing torchmetrics takes seconds
def test_l1_is_twice_the_mean_absolute_error_of_values_from_nought_to_one():
    regression = torchmetrics("regression")
    noisy, clean = (side[None] for side in pair())
    wanted = 2 * regression.mean_absolute_error(noisy, clean).item()
    assert rows("l1", noisy, clean).item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.slow  # importing torchmetrics takes seconds
def test_mean_iou_leaves_absent_classes_out_as_the_macro_mean_of_torchmetrics():
    classification = torchmetrics("classification")
    prediction, target = torch.tensor([[[0, 0, 1, 1]]]), torch.tensor([[[0, 0, 0, 1]]])
    sides = [torch.nn.functional.one_hot(side, 3).movedim(-1, 1).float() for side in (prediction, target)]
    labels = ImageSpec(kind="labels", channels=1, classes=3)
    metric = make("metric", "iou", data_spec=DataSpec(target=labels))
    batch = Batch(source=sides[1], target=sides[1], keys=["x"], draws=torch.arange(1))
    found = metric.aggregate(metric.compute(sides[0], batch))
    wanted = classification.multiclass_jaccard_index(prediction, target, num_classes=3).item()
    assert found["mean_iou"] == pytest.approx(wanted) == pytest.approx((2 / 3 + 1 / 2) / 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["l1", "psnr", "ssim"])
def test_pictures_of_bfloat16_are_compared_in_float32(name):
    noisy, clean = (side[None].bfloat16() for side in pair())
    assert rows(name, noisy, clean).dtype == torch.float32
    assert rows(name, noisy, clean).item() == pytest.approx(rows(name, noisy.float(), clean.float()).item(), rel=1e-2)
