"""First weights that are drawn late: the same kinds of numbers, and each parameter filled once."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from imtrans.engine.deferred_init import deferred_init
from imtrans.kit.nn import initialise


class Net(nn.Module):
    """A network of a plugin: layers of torch, and parameters of its own."""

    def __init__(self, *, fills: bool = False) -> None:
        super().__init__()
        self.conv, self.linear = nn.Conv2d(3, 64, 4), nn.Linear(64, 8)
        self.own = nn.Parameter(torch.empty(1000))
        nn.init.uniform_(self.own, 2.0, 3.0)
        if fills:
            initialise(self, std=0.02)


def test_a_network_that_fills_its_layers_gets_the_numbers_that_it_would_get_alone():
    """What torch's layers would have drawn first is not drawn: only the numbers of `initialise` are."""
    torch.manual_seed(0)
    with deferred_init():
        layer = nn.Conv2d(3, 64, 4)
        initialise(layer, std=0.02)
    torch.manual_seed(0)
    assert torch.equal(layer.weight, torch.empty(64, 3, 4, 4).normal_(0, 0.02))
    assert torch.equal(layer.bias, torch.zeros(64))


def test_layers_that_nothing_fills_are_drawn_at_the_end_within_their_bounds():
    torch.manual_seed(0)
    with deferred_init():
        net = Net()
    torch.manual_seed(0)
    nn.init.uniform_(own := torch.empty(1000), 2.0, 3.0)
    layers = nn.Conv2d(3, 64, 4), nn.Linear(64, 8)
    # What a network draws by itself comes first now, then torch's layers in their order.
    assert torch.equal(net.own, own)
    for found, expected in zip((net.conv, net.linear), layers, strict=True):
        assert torch.equal(found.weight, expected.weight)
        assert torch.equal(found.bias, expected.bias)


def test_a_layer_that_is_read_is_drawn_before_that():
    with deferred_init():
        layer = nn.Linear(64, 8)
        seen = layer.weight.detach().clone()
        copied = nn.Linear(64, 8)
        copied.load_state_dict(layer.state_dict())
        joined = torch.cat([nn.Linear(64, 8).weight, seen])
        normed = spectral_norm(nn.Conv2d(3, 8, 3))
    assert torch.equal(seen, layer.weight)
    assert 0 < seen.abs().max() <= 1 / 8
    assert torch.equal(copied.weight, layer.weight)
    assert 0 < joined[:8].abs().max() <= 1 / 8
    assert torch.linalg.matrix_norm(normed.weight.detach().flatten(1), 2) == pytest.approx(1, abs=0.05)


def test_a_layer_can_be_copied_and_moved_inside():
    import copy

    with deferred_init():
        layer = nn.Conv2d(3, 8, 3)
        other = copy.deepcopy(layer)
        double = nn.Linear(4, 4).double()
    assert torch.equal(layer.weight, other.weight)
    assert 0 < layer.weight.abs().max() <= 1 / 27**0.5
    assert double.weight.dtype == torch.float64
    assert 0 < double.weight.abs().max() <= 0.5


def test_without_the_block_torch_draws_at_once():
    torch.manual_seed(0)
    first = nn.Linear(4, 4)
    torch.manual_seed(0)
    with deferred_init():
        pass
    assert torch.equal(nn.Linear(4, 4).weight, first.weight)


@pytest.mark.parametrize("fills", [False, True])
def test_what_is_built_is_the_same_each_time(fills):
    made = []
    for _ in range(2):
        torch.manual_seed(3)
        with deferred_init():
            made.append(Net(fills=fills).state_dict())
    torch.testing.assert_close(made[0], made[1], rtol=0, atol=0)
