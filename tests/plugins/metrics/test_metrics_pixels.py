"""ms-ssim, pixel-accuracy and lab-histogram: metrics that need no network."""

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d

from imtrans.engine.evaluation import protocol as protocols
from imtrans.errors import ShapeError
from imtrans.interfaces import Batch
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.options import coerce, specs
from imtrans.testing import check_metric, make

OWN = ["image", "distribution", "lab-histogram", "aerial-map"]


def batch(target):
    return Batch(source=target, target=target, keys=["x"] * len(target), draws=torch.arange(len(target)))


def flat(*colours, size=8):
    """One picture of one colour of 255 each, (B, 3, size, size) in [-1, 1]."""
    return (torch.tensor(colours, dtype=torch.float32) / 127.5 - 1).view(-1, 3, 1, 1).expand(-1, 3, size, size).clone()


def summary(name, prediction, target, **options):
    metric = make("metric", name, **options)
    return metric.aggregate(metric.compute(prediction, batch(target)))


@pytest.mark.parametrize(
    ("name", "options"), [("ms-ssim", {"scales": 2}), ("pixel-accuracy", {}), ("lab-histogram", {})]
)
def test_these_metrics_keep_the_contract(name, options):
    check_metric(name, **options)


@pytest.mark.parametrize("name", ["ms-ssim", "pixel-accuracy", "lab-histogram"])
def test_shapes_that_differ_are_refused(name):
    with pytest.raises(ShapeError, match=r"prediction is \(1, 3, 8, 8\), target \(2, 3, 8, 8\)"):
        make("metric", name).compute(torch.zeros(1, 3, 8, 8), batch(torch.zeros(2, 3, 8, 8)))


def wang(x, y, weights):
    """Multi-scale SSIM of two planes in [0, 1] as Wang's program counts it, with two-dimensional filters."""
    line = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    product = 1.0
    for scale, weight in enumerate(weights):
        means = [convolve2d(p, window, mode="valid") for p in (x, y)]
        var_x, var_y = (convolve2d(p * p, window, mode="valid") - m**2 for p, m in zip((x, y), means, strict=True))
        cov = convolve2d(x * y, window, mode="valid") - means[0] * means[1]
        terms = (2 * cov + 0.03**2) / (var_x + var_y + 0.03**2)
        if scale == len(weights) - 1:
            terms = terms * (2 * means[0] * means[1] + 0.01**2) / (means[0] ** 2 + means[1] ** 2 + 0.01**2)
        product *= max(terms.mean(), 0) ** weight
        x, y = (convolve2d(np.pad(p, (0, 1), "edge"), np.full((2, 2), 0.25), mode="valid")[::2, ::2] for p in (x, y))
    return product


def test_ms_ssim_is_wangs_formula_written_out_at_odd_sizes():
    numbers = np.random.default_rng(0)
    x = convolve2d(numbers.random((175, 180)), np.ones((5, 5)) / 25, mode="valid")
    y = np.clip(x * 0.8 + 0.1 + 0.1 * numbers.random(x.shape), 0, 1)
    assert x.shape == (171, 176)
    planes = [torch.tensor(np.stack([p, 1 - p]), dtype=torch.float32)[None] * 2 - 1 for p in (x, y)]
    wanted = np.mean([wang(x, y, [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]) for x, y in ((x, y), (1 - x, 1 - y))])
    assert 0.2 < wanted < 0.98
    assert summary("ms-ssim", *planes) == {"ms_ssim": pytest.approx(wanted, abs=1e-5)}


def test_fewer_scales_are_another_number_with_weights_that_sum_to_one():
    numbers = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, 1, 1, 41, 41, generator=numbers) * 2 - 1
    weights = np.array([0.0448, 0.2856, 0.3001]) / (0.0448 + 0.2856 + 0.3001)
    y = 0.5 * x + 0.5 * y
    wanted = wang(x[0, 0].numpy() / 2 + 0.5, y[0, 0].numpy() / 2 + 0.5, weights)
    assert summary("ms-ssim", x, y, scales=3) == {"ms_ssim_3": pytest.approx(wanted, abs=1e-5)}


def test_ms_ssim_has_no_number_for_pictures_below_161_px():
    assert summary("ms-ssim", torch.zeros(1, 3, 160, 200), torch.zeros(1, 3, 160, 200)) == {}
    assert summary("ms-ssim", torch.zeros(1, 3, 161, 161), torch.zeros(1, 3, 161, 161)) == {"ms_ssim": pytest.approx(1)}
    assert make("metric", "ms-ssim").aggregate(torch.tensor([0.5, torch.nan])) == {}


def test_pixel_accuracy_is_counted_as_gcgan_does():
    target = flat((100, 100, 100), size=2)
    prediction = target.clone()
    prediction[0, :, 0, 0] += torch.tensor([3.0, 0.0, 4.0]) / 127.5  # both below 5
    prediction[0, 0, 0, 1] += 5 / 127.5  # 5 is not less than 5
    prediction[0, 2, 1, 0] -= 10 / 127.5
    error = ((9 + 16 + 25 + 100) / 4) ** 0.5
    assert summary("pixel-accuracy", prediction, target) == pytest.approx(
        {"rmse": error, "accuracy_5": 0.5, "accuracy_10": 0.75}
    )


def test_pixel_accuracy_compares_what_eight_bits_hold():
    target = flat((0, 128, 255))
    assert summary("pixel-accuracy", (target + 0.4 / 127.5) * 1.0001, target)["rmse"] == 0


def test_the_same_colours_in_other_places_and_pictures_overlap_wholly():
    target = torch.rand(3, 3, 16, 16) * 2 - 1
    moved = target.flip(3).roll(1, 0)
    assert summary("lab-histogram", moved, target) == {"lab_l": 1.0, "lab_a": 1.0, "lab_b": 1.0}


def test_lab_intersection_of_colours_known_by_heart():
    """White and black have a = b = 0 and L = 100 and 0; red, L = 53, a = 80, b = 67, shares no bin with either."""
    white, black, red = (255, 255, 255), (0, 0, 0), (255, 0, 0)
    assert summary("lab-histogram", flat(white, black), flat(white, white)) == {"lab_l": 0.5, "lab_a": 1, "lab_b": 1}
    assert summary("lab-histogram", flat(red), flat(white)) == {"lab_l": 0, "lab_a": 0, "lab_b": 0}
    rows = make("metric", "lab-histogram", bins=10).compute(flat(red, white), batch(flat(black, black)))
    assert rows[0, 0].argmax(1).tolist() == [5, 8, 8]  # 53 of 100; (80 + 110) and (67 + 110) of 220, in tenths
    assert rows.sum(-1).eq(64).all()


def test_grey_pictures_have_colours_too_and_other_channels_are_refused():
    grey = flat((90, 90, 90))
    assert summary("lab-histogram", grey[:, :1], grey[:, :1]) == summary("lab-histogram", grey, grey)
    with pytest.raises(ShapeError, match=r"lab-histogram: compares pictures of 1 or 3 channels, and these are \(2, "):
        summary("lab-histogram", grey[:, :2], grey[:, :2])


@pytest.mark.parametrize("name", ["pixel-accuracy", "lab-histogram"])
def test_a_picture_with_a_value_that_is_not_finite_makes_numbers_that_are_none(name):
    prediction = torch.zeros(2, 3, 8, 8)
    prediction[1, 0, 0, 0] = torch.nan
    assert all(value != value for value in summary(name, prediction, torch.zeros(2, 3, 8, 8)).values())


@pytest.mark.parametrize("name", OWN)
def test_the_metrics_of_a_protocol_are_there_with_options_that_fit(name, catalog: Catalog):
    protocol = catalog.entry("protocol", name).thing
    for use in (*protocol.metrics, *protocol.optional):
        known = specs(catalog.component("metric", use.name).options)
        assert all(coerce(value, known[option], where=use.name) == value for option, value in use.options.items())
    assert protocol.summary
    assert protocols.fingerprint(protocols.declared(protocol, catalog))


def test_the_image_protocol_works_for_small_pictures(catalog: Catalog):
    picture = torch.rand(1, 3, 64, 64)
    found = {}
    for use in catalog.entry("protocol", "image").thing.metrics:
        found |= summary(use.name, picture * 0.9, picture, **use.options)
    assert list(found) == ["l1", "psnr", "ssim"]
