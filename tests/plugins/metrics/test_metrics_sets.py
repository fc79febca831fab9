"""Fréchet and kernel distances of sets of features, against the formulas written out."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from imtrans.interfaces import Batch
from imtrans_metrics.distribution import Frechet, Kernel


class Means:
    """The mean of each channel, as the features of a picture."""

    resizing = "nothing"

    def pooled(self, pictures):
        return pictures.mean((2, 3))

    def fingerprint(self):
        return "means"


def drawn(count, width=6, *, seed=0):
    """Rows (count, 2, width): two sets of features with other means and covariances."""
    numbers = np.random.default_rng(seed)
    mix = numbers.normal(size=(2, width, width))
    sides = [numbers.normal(size=(count, width)) @ m + shift for m, shift in zip(mix, (0, 0.7), strict=True)]
    return torch.from_numpy(np.stack(sides, 1))


def frechet():
    return Frechet(Means(), "distance")


def kernel(*, subsets=100, subset_size=1000):
    return Kernel(Means(), "distance", subsets=subsets, subset_size=subset_size)


def test_rows_hold_the_features_of_prediction_and_target():
    prediction, target = torch.rand(2, 3, 3, 8, 8)
    batch = Batch(source=target, target=target, keys=["a", "b", "c"], draws=torch.arange(3))
    rows = frechet().compute(prediction, batch)
    torch.testing.assert_close(rows, torch.stack([prediction.mean((2, 3)), target.mean((2, 3))], 1))
    prediction[1, 0, 0, 0] = math.inf
    assert frechet().compute(prediction, batch).isnan().flatten(1).all(1).tolist() == [False, True, False]


def test_the_frechet_distance_is_that_of_two_gaussians():
    rows = drawn(200)
    one, other = rows[:, 0].numpy(), rows[:, 1].numpy()
    cov_1, cov_2 = np.cov(one.T), np.cov(other.T)
    between = np.square(one.mean(0) - other.mean(0)).sum()
    wanted = between + np.trace(cov_1 + cov_2 - 2 * sqrtm(cov_1 @ cov_2).real)
    assert frechet().aggregate(rows) == {"distance": pytest.approx(wanted, rel=1e-9)}


def test_the_frechet_distance_of_a_moved_set_is_the_square_of_the_way_and_of_the_same_set_nothing():
    one = drawn(50)[:, 0]
    moved = torch.stack([one, one + torch.tensor([3.0, 4.0, 0, 0, 0, 0])], 1)
    assert frechet().aggregate(moved) == {"distance": pytest.approx(25, abs=1e-6)}
    same = frechet().aggregate(torch.stack([one, one.flip(0)], 1))["distance"]
    assert 0 <= same < 1e-6


def discrepancy(one, other):
    """Unbiased squared MMD with the kernel (x.y / d + 1)^3, pair by pair."""
    count, width = one.shape
    between = [
        [sum((p @ q / width + 1) ** 3 for j, q in enumerate(b) if a is not b or i != j) for i, p in enumerate(a)]
        for a, b in ((one, one), (other, other), (one, other))
    ]
    inner, outer = count * (count - 1), count**2
    return sum(between[0]) / inner + sum(between[1]) / inner - 2 * sum(between[2]) / outer


def test_the_kernel_distance_of_few_pictures_is_taken_once_over_all():
    rows = drawn(30)
    wanted = discrepancy(rows[:, 0].numpy(), rows[:, 1].numpy())
    assert wanted > 0.5
    assert kernel().aggregate(rows) == {"distance": pytest.approx(wanted, rel=1e-4)}


def test_draws_from_more_pictures_have_a_mean_and_a_deviation_and_are_the_same_each_time():
    rows, before = drawn(120), torch.get_rng_state()
    found = kernel(subset_size=60).aggregate(rows)
    assert torch.equal(torch.get_rng_state(), before)
    assert found == kernel(subset_size=60).aggregate(rows)
    whole = kernel().aggregate(rows)["distance"]
    assert list(found) == ["distance", "distance_std"]
    assert 0 < found["distance_std"] < whole
    assert abs(found["distance"] - whole) < 4 * found["distance_std"] / 10  # the mean of 100 draws


@pytest.mark.parametrize("metric", [frechet(), kernel()])
def test_a_single_picture_has_no_distance_and_features_that_are_not_finite_none_that_counts(metric):
    assert metric.aggregate(drawn(1)) == {}
    broken = drawn(4)
    broken[2, 0, 1] = math.nan
    assert math.isnan(metric.aggregate(broken)["distance"])


def test_how_pictures_are_resized_is_said_beside_the_number():
    assert [m.notes(drawn(2)) for m in (frechet(), kernel())] == [["distance: pictures resized to nothing"]] * 2
