"""The length of a gradient, against double precision and torch's own."""

import pytest
import torch

from imtrans.engine.optim.gradient_norm import gradient_norm


def test_it_is_that_of_all_numbers_in_double_precision():
    """torch 2.13's `get_total_norm` is 1e-4 off here: it adds eight million squares one after another."""
    draws = torch.Generator().manual_seed(0)
    parts = [torch.randn(1024, 512, 4, 4, generator=draws), torch.randn(64, generator=draws), torch.randn(())]
    exact = sum(part.double().square().sum() for part in parts).sqrt()
    assert gradient_norm(parts).item() == pytest.approx(exact.item(), rel=1e-6)


def test_no_gradient_has_no_length():
    assert gradient_norm([]) == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_one_bad_number_shows(bad):
    part = torch.zeros(3, 2, 2)
    part[1, 0, 1] = bad
    assert not gradient_norm([torch.ones(2), part]).isfinite()


def test_any_layout_and_number_of_threads_give_the_same_bits():
    part = torch.randn(64, 32, 4, 4, generator=torch.Generator().manual_seed(0))
    other = part.contiguous(memory_format=torch.channels_last)
    assert gradient_norm([other]).item() == pytest.approx(gradient_norm([part]).item(), rel=1e-7)
    before = torch.get_num_threads()
    lengths = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        lengths.append(gradient_norm([part]))
    torch.set_num_threads(before)
    assert lengths[0] == lengths[1]
