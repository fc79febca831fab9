"""Other forms of the same sums: equal to the layers' own in double precision, and left alone where they do not fit."""

import copy

import pytest
import torch
from torch import nn

from imtrans.engine.fast_layers.inference import for_inference

LAYERS = {
    "strided, small map": (nn.Conv2d(5, 7, 4, 2, 1), (2, 5, 16, 12)),
    "strided, one position": (nn.Conv2d(5, 7, 4, 2, 1, bias=False), (1, 5, 2, 2)),
    "dilated": (nn.Conv2d(5, 7, 3, 1, 2, 2), (2, 5, 7, 8)),
    "uneven kernel": (nn.Conv2d(5, 7, (3, 1), (1, 2), (0, 2)), (2, 5, 7, 6)),
    "channels last": (nn.Conv2d(5, 7, 4, 2, 1), (2, 5, 40, 42)),
    "transposed, one position": (nn.ConvTranspose2d(6, 5, 4, 2, 1), (1, 6, 1, 1)),
    "transposed, small map": (nn.ConvTranspose2d(6, 5, 4, 2, 1, bias=False), (3, 6, 5, 6)),
    "transposed, middle map": (nn.ConvTranspose2d(6, 5, 4, 2, 1), (2, 6, 12, 11)),
    "transposed, channels last": (nn.ConvTranspose2d(6, 5, 4, 2, 1), (2, 6, 35, 36)),
    "transposed, few channels": (nn.ConvTranspose2d(6, 3, 4, 2, 1), (2, 6, 15, 6)),
    "transposed, another kernel": (nn.ConvTranspose2d(6, 5, 3, 2, 1, 1), (2, 6, 5, 6)),
    "grouped": (nn.Conv2d(6, 6, 3, padding=1, groups=3), (1, 6, 5, 5)),
    "padded by reflection": (nn.Conv2d(6, 6, 3, padding=1, padding_mode="reflect"), (1, 6, 5, 5)),
    "padded by name": (nn.Conv2d(6, 6, 3, padding="same"), (1, 6, 5, 5)),
}


@pytest.mark.parametrize("name", LAYERS)
@torch.no_grad()
def test_the_sums_are_equal_in_double_precision(name):
    layer, shape = LAYERS[name]
    layer = layer.double()
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = layer(x)
    with for_inference([layer, nn.Sequential(layer)]):  # networks may share it
        found = layer(x)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
    assert "forward" not in vars(layer)


@pytest.mark.parametrize("layer", [nn.Conv3d(1, 2, 3, padding=1), nn.Conv3d(2, 3, (1, 4, 4), (1, 2, 2), (0, 1, 1))])
@torch.no_grad()
def test_volumes_of_few_channels_go_through_the_library(layer):
    """oneDNN has no double precision: compared with the sums of the layer in it."""
    x = torch.randn(2, layer.in_channels, 5, 9, 8, generator=torch.Generator().manual_seed(0))
    exact = copy.deepcopy(layer).double()(x.double())
    with for_inference([layer]):
        torch.testing.assert_close(layer(x).double(), exact, rtol=1e-5, atol=1e-6)
        layer.double()
        torch.testing.assert_close(layer(x.double()), exact, rtol=1e-12, atol=1e-14)
    layer.float()


@torch.no_grad()
def test_layers_with_ways_of_their_own_keep_them():
    class Doubled(nn.Conv2d):
        def forward(self, x):
            return 2 * super().forward(x)

    normed = nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 4, 3))
    replaced = nn.Conv2d(3, 3, 1)
    replaced.forward = torch.neg
    half = nn.Conv2d(3, 4, 3).half()
    layers = [Doubled(3, 4, 3), normed.eval(), replaced]
    x = torch.randn(1, 3, 8, 8)
    expected = [layer(x) for layer in layers]
    with for_inference([*layers, half]):
        assert all(torch.equal(layer(x), wanted) for layer, wanted in zip(layers, expected, strict=True))
        assert "forward" not in vars(half)
    assert replaced.forward is torch.neg
    upsampling = nn.ConvTranspose2d(3, 4, 4, 2, 1)
    with for_inference([upsampling]):
        assert upsampling(torch.randn(1, 3, 4, 4), output_size=[9, 9]).shape == (1, 4, 9, 9)
        assert upsampling(torch.randn(3, 4, 4)).shape == (4, 8, 8)
