import pytest
import torch
from torch import nn

from imtrans.kit.nn import BlurDown
from imtrans.testing import check_generator, make
from imtrans_resnet.network import Resnet, SmoothUpConv


@pytest.mark.parametrize(("name", "count"), [("resnet6", 7_837_699), ("resnet9", 11_378_179)])
def test_trainable_parameters_are_cyclegans(name, count):
    with torch.device("meta"):
        assert sum(p.numel() for p in make("generator", name, init_std=0).parameters()) == count


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet6", "resnet9"])
def test_both_keep_the_contract(name):
    check_generator(name, width=2, size=16)


def test_antialiased_sampling_has_the_same_weights_and_names():
    plain, smooth = (make("generator", "resnet9", width=2, antialias=a) for a in (False, True))
    assert plain.state_dict().keys() == smooth.state_dict().keys()
    with torch.device("meta"):
        assert sum(p.numel() for p in make("generator", "resnet9", antialias=True).parameters()) == 11_378_179


def test_halving_blurs_by_1_2_1_over_mirrored_borders():
    line = torch.tensor([4.0, 8.0, 0.0, 12.0])
    halved = BlurDown()(line.expand(1, 2, 4, 4))
    # (8 + 2 * 4 + 8) / 4 at the border, (8 + 2 * 0 + 12) / 4 inside; rows are all alike.
    torch.testing.assert_close(halved, torch.tensor([6.0, 5.0]).expand(1, 2, 2, 2))


def test_doubling_blurs_by_1_3_3_1():
    up = SmoothUpConv(1, 1, 1)
    torch.nn.init.ones_(up.weight)
    torch.nn.init.zeros_(up.bias)
    doubled = up(torch.tensor([0.0, 4.0]).expand(1, 1, 2, 2))
    # Weights 3 and 1 of 4 for the nearer and the farther of two neighbours; the border is repeated.
    torch.testing.assert_close(doubled[0, 0, 0], torch.tensor([0.0, 1.0, 3.0, 4.0]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"antialias": True},
        {"antialias": True, "antialias_stages": "up"},
        {"norm": "batch", "bias": "no-norm"},
        {"norm": "none"},
        {"padding": "zero"},
        {"dropout": 0.5},
    ],
)
def test_every_option_keeps_the_contract(options):
    check_generator("resnet6", width=2, blocks=1, size=16, channels=((3, 3),), learns=False, **options)


def test_blocks_add_to_what_they_are_given():
    """With blocks of zeros the network is the same as without any."""
    torch.manual_seed(0)
    network = make("generator", "resnet6", width=2, blocks=3)
    without = make("generator", "resnet6", width=2, blocks=0)
    without.load_state_dict({k: v for k, v in network.state_dict().items() if not k.startswith("blocks")})
    for layer in network.blocks.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.weight)
    x = torch.rand(1, 3, 16, 16) * 2 - 1
    torch.testing.assert_close(network(x), without(x))


def test_borders_are_reflected_where_cyclegan_does():
    network = make("generator", "resnet9", width=2)
    modes = [m.padding_mode for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert modes == ["reflect", "zeros", "zeros", *["reflect"] * 18, "reflect"]
    assert network.stride == 4
    assert network(torch.zeros(1, 3, 8, 12)).shape == (1, 3, 8, 12)


@pytest.mark.parametrize("downs", [1, 2, 3])
@pytest.mark.parametrize("antialias", [False, True])
def test_it_halves_sizes_as_often_as_it_is_told(downs, antialias):
    network = Resnet(blocks=1, width=4, downs=downs, antialias=antialias)
    assert network.stride == 2**downs
    source = torch.randn(1, 3, 4 * network.stride, 2 * network.stride)
    assert network(source).shape == source.shape
    *_, coarsest = network.features(source)
    assert coarsest.shape == (1, 4 * network.stride, 4, 2)
