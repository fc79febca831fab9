"""Networks of three axes: shapes, what a logit and a voxel see, thick slices."""

import pytest
import torch

from imtrans.engine.inference.forward import pad
from imtrans.errors import ConfigError, ShapeError
from imtrans.kit.bases import BaseMethod
from imtrans.kit.nn import InstanceNorm
from imtrans.testing import check_discriminator, check_generator, make
from imtrans_networks3d import PatchGAN3DOptions, UNet3DOptions
from imtrans_networks3d.patchgan import PatchGAN3D
from imtrans_networks3d.unet import UNet3D


def trainable(network):
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"norm": "none"},
        {"norm": "batch"},
        {"planar_levels": 1},
        {"planar_levels": 2, "dropout": 0.5},
        {"activation": "mish"},
        {"init_std": 0},
    ],
)
def test_every_option_of_the_unet_keeps_the_contract(options):
    check_generator("unet3d", depth=2, width=4, size=16, channels=((1, 1),), **options)


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"norm": "none"}, {"norm": "batch"}, {"planar_levels": 1}, {"layers": 1}])
def test_every_option_of_the_patchgan_keeps_the_contract(options):
    check_discriminator("patchgan3d", width=4, size=32, channels=((1, 1),), **options)


def test_the_unet_has_two_convolutions_a_level_and_no_bias_before_a_norm():
    """depth 1, width 2, channels 1 to 1: 1-2-2, down 2-4-4, up 4-2 (2x2x2), 4-2-2, out 2-1; norms of two each."""
    network = UNet3D(UNet3DOptions(depth=1, width=2))
    weights = 27 * (1 * 2 + 2 * 2 + 2 * 4 + 4 * 4 + 4 * 2 + 2 * 2) + 8 * 4 * 2 + 2 * 1
    norms, biases = 2 * (2 + 2 + 4 + 4 + 2 + 2), 2 + 1  # of the transposed convolution and the last one
    assert trainable(network) == weights + norms + biases
    assert sum(isinstance(layer, InstanceNorm) for layer in network.modules()) == 6
    # Nothing is wider than ten times the first level.
    with torch.device("meta"):
        assert UNet3D(UNet3DOptions(depth=6, width=1)).encoder[-1][0].out_channels == 10


def test_thick_slices_are_halved_later_and_not_mixed_before():
    network = UNet3D(UNet3DOptions(depth=3, width=2, planar_levels=2))
    assert network.stride == (2, 8, 8)
    shapes = []
    for block in network.encoder:
        block.register_forward_hook(lambda _layer, _x, given: shapes.append(tuple(given.shape[2:])))
    assert network(torch.randn(1, 1, 6, 16, 24)).shape == (1, 1, 6, 16, 24)
    assert shapes == [(6, 16, 24), (6, 8, 12), (6, 4, 6), (3, 2, 3)]
    # All levels planar: every slice by itself.
    flat = UNet3D(UNet3DOptions(depth=2, width=2, planar_levels=2, norm="none", init_std=0))
    flat.encoder[-1] = torch.nn.Sequential(torch.nn.Conv3d(4, 8, 1, stride=(1, 2, 2)))
    x = torch.randn(1, 1, 5, 8, 8)
    moved = x.clone()
    moved[:, :, 2] += 1
    change = (flat(moved) - flat(x)).detach().abs().amax((0, 1, 3, 4))
    assert change.nonzero().flatten().tolist() == [2]


def test_odd_volumes_are_padded_to_the_stride_of_each_axis_and_cut():
    method = BaseMethod()
    method.networks = {
        "generator": UNet3D(UNet3DOptions(depth=2, width=2, planar_levels=1)),
        "discriminator": PatchGAN3D(),
    }
    assert method.geometry.strides(3) == (2, 4, 4)
    x = torch.arange(5 * 9 * 7.0).view(1, 1, 5, 9, 7)
    padded = pad(x, method.geometry.strides(3))
    assert padded.shape == (1, 1, 6, 12, 8)
    assert torch.equal(padded[..., :5, :9, :7], x)
    assert torch.equal(padded[:, :, 5, :9, :7], x[:, :, 3])  # mirrored, the border once


@pytest.mark.parametrize(("layers", "planar", "field"), [(1, 0, (16, 16)), (2, 0, (34, 34)), (2, 1, (16, 34))])
def test_one_logit_sees_a_block_of_so_many_voxels(layers, planar, field):
    """By back-propagation, without norms, which would couple all voxels."""
    torch.manual_seed(0)
    options = PatchGAN3DOptions(width=1, layers=layers, planar_levels=planar, norm="none", init_std=0.5)
    network = PatchGAN3D(options).double()
    image = torch.randn(1, 1, 64, 64, 64, dtype=torch.float64).requires_grad_()
    logits = network(torch.randn_like(image), image).logits[0]
    middle = [n // 2 for n in logits.shape[2:]]
    (gradient,) = torch.autograd.grad(logits[0, 0, middle[0], middle[1], middle[2]], image)
    touched = gradient[0, 0].abs().nonzero()
    assert (touched.amax(0) - touched.amin(0) + 1).tolist() == [field[0], field[1], field[1]]


def test_a_volume_that_is_too_small_is_refused_and_the_least_is_taken():
    network = make("discriminator", "patchgan3d", width=2, planar_levels=1)
    slices, side = network.smallest
    least = torch.randn(1, 3, slices, side, side)
    assert network(least, least).logits[0].numel() == 1
    for small in (least[:, :, 1:], least[..., 1:]):
        with pytest.raises(ShapeError, match=rf"it needs {slices} slices of {side} x {side} pixels") as caught:
            network(small, small)
        assert "dataset.depth" in caught.value.hint


def test_options_that_contradict_each_other_are_named():
    with pytest.raises(ConfigError, match="planar_levels 3: there are only 2 levels that are halved"):
        UNet3D(UNet3DOptions(depth=2, planar_levels=3))
    with pytest.raises(ConfigError, match="dropout_blocks: no block 4; the decoder has 2"):
        UNet3D(UNet3DOptions(depth=2, dropout=0.5, dropout_blocks=(4,)))
    with pytest.raises(ConfigError, match="planar_levels 4: there are only 3 convolutions"):
        PatchGAN3D(PatchGAN3DOptions(layers=1, planar_levels=4))
