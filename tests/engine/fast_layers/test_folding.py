"""Batch norms in the convolutions before them: equal in double precision, and left alone where they may not go."""

import copy

import pytest
import torch
from torch import nn

from imtrans.engine.fast_layers.folding import batch_norms, fold_norms
from imtrans.kit.nn import BatchNorm
from imtrans_unet import UNetOptions
from imtrans_unet.network import UNet

LAYERS = {
    "convolution": (nn.Conv2d(4, 6, 3, padding=1), (2, 4, 8, 6)),
    "without bias, strided": (nn.Conv2d(4, 6, 4, 2, 1, bias=False), (2, 4, 8, 6)),
    "grouped, mirrored": (nn.Conv2d(4, 6, 3, padding=1, groups=2, padding_mode="reflect"), (2, 4, 8, 6)),
    "transposed": (nn.ConvTranspose2d(4, 6, 4, 2, 1), (2, 4, 8, 6)),
    "transposed, without bias": (nn.ConvTranspose2d(4, 6, 4, 2, 1, bias=False), (2, 4, 8, 6)),
    "transposed, grouped": (nn.ConvTranspose2d(4, 6, 4, 2, 1, groups=2), (2, 4, 8, 6)),
    "of volumes": (nn.Conv3d(4, 6, 3, padding=1), (1, 4, 5, 4, 6)),
}


def seen(module):
    """In double precision, with the weights and statistics of a network that has been trained."""
    with torch.no_grad():
        for norm in batch_norms([module]):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.2, 3)
            if norm.affine:
                norm.weight.uniform_(-2, 2)
                norm.bias.normal_()
    return module.double().eval()


def given(shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("name", LAYERS)
@torch.no_grad()
def test_what_comes_out_is_the_same(name, affine):
    layer, shape = LAYERS[name]
    kind = nn.BatchNorm3d if len(shape) == 5 else BatchNorm
    module = seen(nn.Sequential(nn.ReLU(), copy.deepcopy(layer), kind(6, affine=affine), nn.Tanh()))
    expected = module(given(shape))
    assert fold_norms([module]) == 1
    assert batch_norms([module]) == []
    torch.testing.assert_close(module(given(shape)), expected, rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_all_norms_of_the_papers_generator_are_folded():
    network = seen(UNet(UNetOptions(depth=4, width=4, dropout=0)))
    expected = network(given((2, 3, 32, 48)))
    count = len(batch_norms([network]))
    assert fold_norms([network]) == count > 4
    torch.testing.assert_close(network(given((2, 3, 32, 48))), expected, rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_what_is_seen_elsewhere_is_left():
    twice = nn.Conv2d(4, 4, 3, padding=1)
    shared = nn.Sequential(twice, BatchNorm(4), twice)
    hooked = nn.Sequential(nn.Conv2d(4, 4, 3), BatchNorm(4))
    hooked[0].register_forward_hook(lambda layer, given, result: 2 * result)
    normed = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 4, 3)), BatchNorm(4))
    untracked = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4, track_running_stats=False))
    apart = nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU(), BatchNorm(4))

    class Other(nn.Sequential):
        def forward(self, x):
            return self[0](x) + self[1](x)

    for module in (shared, hooked, normed, untracked, apart, Other(nn.Conv2d(4, 4, 1), BatchNorm(4))):
        assert fold_norms([module.eval()]) == 0
        assert len(batch_norms([module])) == 1


def test_a_norm_after_a_sequential_that_ends_in_a_convolution_is_folded():
    """As of a U-Net that resizes and convolves in place of a transposed convolution."""
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(3, 4, 3, padding=1, bias=False))
    network = nn.Sequential(inner, nn.BatchNorm2d(4), nn.ReLU()).double()
    network[1].running_mean.uniform_(-1, 1)
    network[1].running_var.uniform_(0.5, 2)
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    network.eval()
    before = network(x)
    assert fold_norms([network]) == 1
    torch.testing.assert_close(network(x), before, rtol=1e-12, atol=1e-12)
    shared = nn.Sequential(inner, nn.BatchNorm2d(4), inner[1])  # the convolution is in two places: it is left
    assert fold_norms([shared]) == 0
