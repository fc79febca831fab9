"""An ensemble gives the mean of its members, or one of them."""

import pytest
import torch
from torch import nn

from imtrans.kit.ensemble import Ensemble, member_count, one_member


class Times(nn.Module):
    stride = 4

    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x):
        return x * self.factor


def test_it_gives_the_mean_and_within_a_block_one_member():
    made, x = Ensemble([Times(1.0), Times(2.0), Times(6.0)]), torch.ones(1, 1, 2, 2)
    networks = [nn.Sequential(made), Times(1.0)]
    assert made(x).unique().item() == 3
    assert (made.stride, member_count(networks), member_count([Times(1.0)])) == (4, 3, 0)
    for number, factor in enumerate((1.0, 2.0, 6.0, 1.0)):
        with one_member(networks, number):
            assert made(x).unique().item() == factor
    with pytest.raises(RuntimeError), one_member(networks, 1):
        raise RuntimeError
    assert made(x).unique().item() == 3


def test_each_member_gets_its_share_of_the_gradient():
    made = Ensemble([Times(1.0), Times(2.0)])
    made(torch.ones(1, 1, 2, 2)).sum().backward()
    assert [p.grad.item() for p in made.parameters()] == [2.0, 2.0]
