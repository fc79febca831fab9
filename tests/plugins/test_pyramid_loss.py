"""pyramid-l1: known answers, what it forgives, and its gradient."""

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve1d

from imtrans.errors import ShapeError
from imtrans_losses.pyramid import PyramidL1


def noise(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1


def smaller(x):
    """An octave by scipy: four Gaussian blurs of three pixels, a binomial one, every second pixel."""
    gauss = np.exp(-0.5 * np.array([1, 0, 1.0]))
    for kernel in [gauss / gauss.sum()] * 4 + [np.array([1, 2, 1]) / 4]:
        for axis in (2, 3):
            x = convolve1d(x, kernel, axis=axis, mode="mirror")
    return x[:, :, ::2, ::2]


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_it_is_the_mean_of_the_distances_of_both_pyramids(levels):
    one, two = noise(2, 3, 24, 33), noise(2, 3, 24, 33, seed=1)
    x, y, distances = one.numpy(), two.numpy(), []
    for _ in range(levels):
        distances.append(np.abs(x - y).mean())
        x, y = smaller(x), smaller(y)
    assert PyramidL1(levels=levels)(one, two).item() == pytest.approx(np.mean(distances), abs=1e-12)


def test_a_constant_difference_counts_in_full_and_fine_stripes_only_at_full_size():
    zero = torch.zeros(1, 1, 32, 32)
    assert PyramidL1()(zero + 0.5, zero).item() == pytest.approx(0.5)
    stripes = torch.ones(1, 1, 32, 32)
    stripes[..., ::2] = -1
    # Each blur takes cos = 1 - 4 * side of them, and the last one all.
    assert PyramidL1()(stripes, zero).item() == pytest.approx(1 / 4, abs=1e-6)


def test_a_shift_costs_less_than_with_l1():
    picture = noise(1, 1, 64, 64).float()
    shifted = picture.roll(2, dims=3)
    l1 = (picture - shifted).abs().mean().item()
    assert PyramidL1()(picture, shifted).item() < 0.45 * l1


def test_its_gradient_is_that_of_finite_differences():
    x, y = noise(1, 2, 9, 10).requires_grad_(), noise(1, 2, 9, 10, seed=1)
    assert torch.autograd.gradcheck(lambda p: PyramidL1(levels=3)(p, y), (x,))


def test_pictures_that_are_too_small_are_refused_with_the_least_size():
    least = torch.zeros(1, 1, 5, 5)
    assert PyramidL1()(least, least + 1).item() == pytest.approx(1)
    with pytest.raises(ShapeError, match="4 x 8 are too small for this loss: it needs 5 pixels"):
        PyramidL1()(torch.zeros(1, 1, 4, 8), torch.zeros(1, 1, 4, 8))
