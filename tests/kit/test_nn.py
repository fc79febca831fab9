"""Layers and initialisation for networks of plugins."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from imtrans.kit.nn import initialise
from imtrans.kit.spectral_norm import update_spectral_norms


def largest(layer):
    """The largest singular value of a weight as the layer uses it, by the axis that spectral norm flattens around."""
    is_transposed = isinstance(layer, nn.ConvTranspose2d)
    matrix = layer.weight.detach().movedim(int(is_transposed), 0).flatten(1)
    return torch.linalg.svdvals(matrix)[0].item()


@pytest.mark.parametrize("is_training", [True, False])
def test_spectral_norm_is_right_from_the_first_step_on_and_draws_nothing(is_training):
    layers = [nn.Conv2d(64, 64, 4), nn.ConvTranspose2d(64, 32, 4), nn.Conv2d(8, 1, 1)]
    network = nn.Sequential(*map(spectral_norm, layers)).train(is_training)
    torch.manual_seed(1)
    initialise(network)
    following = torch.rand(3)
    torch.manual_seed(1)
    for layer in layers:
        assert torch.equal(layer.parametrizations.weight.original, torch.empty_like(layer.weight).normal_(0, 0.02))
        assert largest(layer) == pytest.approx(1, abs=0.01)
        assert layer.parametrizations.weight[0].n_power_iterations == 1
    assert torch.equal(torch.rand(3), following)
    assert all(m.training == is_training for m in network.modules())


def test_a_network_without_memory_has_no_spectral_norm_to_estimate():
    with torch.device("meta"):
        network = spectral_norm(nn.Conv2d(3, 4, 3))
    update_spectral_norms(network)
    assert network.weight.is_meta
