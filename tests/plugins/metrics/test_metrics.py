import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from imtrans.errors import DataError, ShapeError
from imtrans.interfaces import Batch
from imtrans.testing import check_metric, make


def batch(target):
    return Batch(source=target, target=target, keys=["x"] * len(target), draws=torch.arange(len(target)))


@pytest.mark.parametrize("name", ["l1", "psnr", "ssim"])
def test_metrics_keep_the_contract(name):
    check_metric(name)


def test_l1_and_psnr_of_a_constant_difference():
    target = torch.zeros(2, 3, 16, 16)
    off = target + torch.tensor([0.5, 0.2]).view(2, 1, 1, 1)
    torch.testing.assert_close(make("metric", "l1").compute(off, batch(target)), torch.tensor([0.5, 0.2]))
    expected = [10 * math.log10(4 / 0.25), 10 * math.log10(4 / 0.04)]
    torch.testing.assert_close(make("metric", "psnr").compute(off, batch(target)), torch.tensor(expected))


def test_l1_leaves_void_pixels_out():
    target, prediction = torch.zeros(1, 2, 1, 4), torch.tensor([1.0, 1, 0, 0]).expand(1, 2, 1, 4)
    void = replace(batch(target), valid=torch.tensor([0.0, 1, 1, 1]).view(1, 1, 1, 4))
    assert make("metric", "l1").compute(prediction, void).item() == pytest.approx(1 / 3)


def test_equal_pictures_are_perfect():
    target = torch.rand(1, 3, 32, 32)
    assert make("metric", "l1").compute(target, batch(target)).item() == 0
    assert make("metric", "psnr").compute(target, batch(target)).item() == math.inf
    assert make("metric", "ssim").compute(target, batch(target)).item() == pytest.approx(1, abs=1e-6)


def test_ssim_is_the_formula_of_wang_written_out():
    """One whole window: an 11 x 11 picture has exactly one valid place."""
    numbers = np.random.default_rng(0)
    x, y = numbers.random((11, 11)), numbers.random((11, 11))
    line = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    mean_x, mean_y = (window * x).sum(), (window * y).sum()
    var_x, var_y = (window * x**2).sum() - mean_x**2, (window * y**2).sum() - mean_y**2
    cov = (window * x * y).sum() - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    wanted = (2 * mean_x * mean_y + c1) * (2 * cov + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    a, b = (torch.tensor(v, dtype=torch.float32)[None, None] * 2 - 1 for v in (x, y))
    assert make("metric", "ssim").compute(a, batch(b)).item() == pytest.approx(wanted, abs=1e-5)


def test_the_variant_of_ssim_is_in_the_name_of_the_number():
    assert list(make("metric", "ssim").aggregate(torch.ones(1))) == ["ssim"]
    assert list(make("metric", "ssim", padding="same").aggregate(torch.ones(1))) == ["ssim_same"]


@pytest.mark.parametrize("name", ["l1", "psnr", "ssim"])
def test_shapes_that_differ_are_refused_not_broadcast(name):
    with pytest.raises(ShapeError, match=r"prediction is \(1, 3, 16, 16\), target \(2, 3, 16, 16\)"):
        make("metric", name).compute(torch.zeros(1, 3, 16, 16), batch(torch.zeros(2, 3, 16, 16)))


@pytest.mark.parametrize(("options", "smallest"), [({}, 11), ({"window": 7}, 7), ({"padding": "same"}, 11)])
def test_ssim_has_no_number_for_pictures_below_its_window(options, smallest):
    metric = make("metric", "ssim", **options)
    small, fitting = torch.zeros(1, 3, 40, smallest - 1), torch.zeros(1, 3, 40, smallest)
    assert metric.smallest == smallest
    assert metric.aggregate(metric.compute(small, batch(small))) == {}
    assert list(metric.aggregate(metric.compute(fitting, batch(fitting))).values()) == [pytest.approx(1)]


@pytest.mark.parametrize("name", ["l1", "psnr", "ssim", "ms-ssim", "pixel-accuracy", "lab-histogram"])
def test_whole_numbers_are_refused_since_their_differences_wrap_around(name):
    whole = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    with pytest.raises(DataError, match=r"pictures must be float in \[-1, 1\], not torch.uint8"):
        make("metric", name).compute(whole, batch(whole))
