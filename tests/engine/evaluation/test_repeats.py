"""Unpaired sides of unequal numbers: in distances of sets each picture counts once."""

import numpy as np
import pytest
import torch

from imtrans.engine.evaluation.eval_samples import EvalSample
from imtrans.engine.evaluation.metric_rows import MetricRows, interleave
from imtrans.interfaces import Batch
from imtrans_metrics.distribution import Frechet, Kernel


class Colors:
    """Features: the mean of each channel."""

    resizing = "nothing"

    def pooled(self, pictures):
        return pictures.mean((2, 3))

    def fingerprint(self):
        return "colors"


def sample(prediction, target, is_repeat):
    sides = [side.expand(1, 3, 4, 4) for side in (prediction.view(1, 3, 1, 1), target.view(1, 3, 1, 1))]
    batch = Batch(source=sides[0], target=sides[1], keys=["x"], draws=torch.zeros(1, dtype=torch.int64))
    prediction, target = sides
    return EvalSample(
        prediction=prediction,
        batch=batch,
        upper_bound=target,
        predicted_size=(4, 4),
        pictures=dict,
        is_repeat=is_repeat,
    )


def frechet(one, other):
    """|m - n|^2 + tr(C + D - 2 (C D)^(1/2)), the root by the eigenvalues of C D."""
    means, covariances = [x.mean(0) for x in (one, other)], [np.cov(x, rowvar=False) for x in (one, other)]
    root = np.sqrt(np.linalg.eigvals(covariances[0] @ covariances[1]).astype(complex)).real.sum()
    return ((means[0] - means[1]) ** 2).sum() + np.trace(covariances[0] + covariances[1]) - 2 * root


@pytest.fixture
def sides():
    random = torch.Generator().manual_seed(0)
    return torch.rand(9, 3, generator=random), torch.rand(5, 3, generator=random) / 2


@pytest.mark.parametrize("is_turned", [False, True])
def test_the_frechet_distance_is_that_of_each_picture_once(sides, is_turned):
    many, few = sides
    rows = MetricRows()
    for i in range(9):
        pair, repeat = (many[i], few[i % 5]), (False, i >= 5)
        rows.add(Frechet(Colors(), "d"), sample(*pair[:: -1 if is_turned else 1], repeat[:: -1 if is_turned else 1]))
    found = rows.numbers(Frechet(Colors(), "d"))["d"]
    assert found == pytest.approx(frechet(many.numpy(), few.numpy()), rel=1e-4)
    counted_again = frechet(many.numpy(), few[torch.arange(9) % 5].numpy())
    assert abs(counted_again - found) > 1e-3


def test_without_repeats_and_from_two_processes_it_is_the_same_number(sides):
    many, few = sides
    metric, whole, parts = Frechet(Colors(), "d"), MetricRows(), [MetricRows(), MetricRows()]
    for i in range(9):
        each = sample(many[i], few[i % 5], (False, i >= 5))
        whole.add(metric, each)
        parts[i % 2].add(metric, each)
    joined = interleave([{"d": part} for part in parts])["d"]
    assert joined.numbers(metric) == whole.numbers(metric)
    paired = MetricRows()
    for i in range(5):
        paired.add(metric, sample(many[i], few[i], (False, False)))
    assert paired.numbers(metric)["d"] == pytest.approx(frechet(many[:5].numpy(), few.numpy()), rel=1e-4)


def test_the_kernel_distance_takes_sides_of_unequal_numbers(sides):
    many, few = sides
    metric, rows = Kernel(Colors(), "k", subsets=400, subset_size=1000), MetricRows()
    for i in range(9):
        rows.add(metric, sample(many[i], few[i % 5], (False, i >= 5)))

    def kernel(a, b):
        return (a @ b.T / 3 + 1) ** 3

    x, y = many.double(), few.double()
    inner = [(kernel(s, s).sum() - kernel(s, s).trace()) / (len(s) * (len(s) - 1)) for s in (x, y)]
    wanted = (inner[0] + inner[1] - 2 * kernel(x, y).mean()).item()  # unbiased, over all pictures
    found = rows.numbers(metric)
    assert found["k"] == pytest.approx(wanted, abs=0.05 * max(1.0, abs(wanted)))
    assert "k_std" in found
