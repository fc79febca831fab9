"""Packed weights: the sums of the layers, in both precisions, and never those of weights that are gone."""

import copy

import pytest
import torch
from test_forms_for_inference import LAYERS
from torch import nn

from imtrans.engine.fast_layers.inference import FEW, for_inference
from imtrans.engine.fast_layers.packed import PackedWeights, can_pack

pytestmark = pytest.mark.skipif(not torch._C._has_mkldnn, reason="this torch has no oneDNN")


def seeded(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", LAYERS)
@torch.no_grad()
def test_the_sums_are_those_of_the_layer_in_double_precision(name):
    layer, shape = LAYERS[name]
    layer, x = copy.deepcopy(layer).float(), seeded(*shape)
    exact = copy.deepcopy(layer).double()(x.double())
    packed = PackedWeights()
    for _ in range(2):  # the weights are made, and found
        with for_inference([layer], packed):
            torch.testing.assert_close(layer(x).double(), exact, rtol=1e-5, atol=1e-5)
    is_packed = layer.groups == 1 and layer.padding_mode == "zeros" and layer.padding != "same"
    few = isinstance(layer, nn.ConvTranspose2d) and layer.out_channels <= FEW
    assert len(packed._made) == (is_packed and not few)


@pytest.mark.parametrize("layer", [nn.Conv2d(16, 24, 4, 2, 1), nn.ConvTranspose2d(16, 24, 4, 2, 1)])
@pytest.mark.parametrize("size", [4, 40])
@torch.no_grad()
def test_under_autocast_weights_in_bfloat16_take_any_input_and_give_bfloat16(layer, size):
    layer, x = copy.deepcopy(layer).bfloat16(), seeded(2, 16, size, size)
    with torch.autocast("cpu", torch.bfloat16), for_inference([layer], PackedWeights()):
        found = layer(x)
        assert can_pack(layer, x)
    exact = copy.deepcopy(layer).double()(x.bfloat16().double())
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), exact, rtol=2**-7, atol=2**-7)


@torch.no_grad()
def test_weights_that_change_are_packed_again():
    layer, x, packed = nn.Conv2d(3, 8, 3), seeded(1, 3, 9, 9), PackedWeights()
    fast = for_inference([layer], packed)
    with fast:
        before = layer(x)
        layer.weight.mul_(2)
        layer.bias.mul_(2)
        torch.testing.assert_close(layer(x), 2 * before)
        layer.weight = nn.Parameter(torch.zeros_like(layer.weight))
        layer.bias.zero_()
        assert not layer(x).any()
        layer.load_state_dict(nn.Conv2d(3, 8, 3).state_dict())
        changed = layer(x)
        average = nn.Conv2d(3, 8, 3)
        layer.weight.data, average.weight.data = average.weight.data, layer.weight.data
        averaged = layer(x)
    torch.testing.assert_close(averaged, layer(x))
    layer.weight.data, average.weight.data = average.weight.data, layer.weight.data
    torch.testing.assert_close(changed, layer(x))


@torch.no_grad()
def test_a_picture_of_another_size_and_a_batch_take_the_same_weights():
    layer, packed = nn.Conv2d(3, 8, 4, 2, 1), PackedWeights()
    for shape in ((1, 3, 8, 8), (2, 3, 64, 40), (1, 3, 2, 2)):
        x = seeded(*shape)
        with for_inference([layer], packed):
            found = layer(x)
        torch.testing.assert_close(found, layer(x), rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_small_maps_are_channels_first_as_dropout_fills_its_mask_in_the_order_of_the_memory():
    """torch 2.13, bernoulli_: the mask of a seed is another one for channels last, and so would be the picture."""
    layer = nn.ConvTranspose2d(8, 16, 4, 2, 1)
    with for_inference([layer], PackedWeights()):
        assert layer(seeded(1, 8, 4, 4)).is_contiguous()
        assert layer(seeded(1, 8, 16, 16)).is_contiguous(memory_format=torch.channels_last)


def test_what_the_library_does_not_take_is_left_to_the_layer():
    layer = nn.Conv2d(3, 4, 3)
    assert can_pack(layer, torch.zeros(1, 3, 5, 5))
    assert not can_pack(layer, torch.zeros(3, 5, 5))
    assert not can_pack(layer, torch.zeros(1, 3, 5, 5, dtype=torch.float64))
    assert not can_pack(layer.double(), torch.zeros(1, 3, 5, 5, dtype=torch.float64))
    with torch.autocast("cpu", torch.bfloat16):
        assert not can_pack(nn.Conv2d(3, 4, 3), torch.zeros(1, 3, 5, 5))
    with torch.backends.mkldnn.flags(enabled=False, allow_tf32=None):
        assert not can_pack(nn.Conv2d(3, 4, 3), torch.zeros(1, 3, 5, 5))


@torch.no_grad()
def test_weights_of_a_model_that_is_gone_are_gone():
    layer, packed = nn.Conv2d(3, 4, 3), PackedWeights()
    with for_inference([layer], packed):
        layer(torch.zeros(1, 3, 5, 5))
    assert len(packed._made) == 1
    del layer
    import gc

    gc.collect()
    assert not packed._made


@pytest.mark.slow
def test_networks_that_are_compiled_are_left_to_the_compiler():
    """A run with train.compile is evaluated, too: other forms inside would be compiled anew at each evaluation."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3))
    assert len(for_inference([network])) == 1
    network.compile(backend="eager")
    assert len(for_inference([network])) == 0
