import pytest
import torch

from imtrans import ComponentRef
from imtrans.errors import ConfigError
from imtrans.testing import check_generator, make
from imtrans_unet import UNetOptions
from imtrans_unet.network import UNet


def trainable(network):
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        ("unet256", {}, 54_413_955),
        ("unet128", {}, 41_828_995),
        ("unet256", {"bias": "no-norm"}, 54_414_531),
        ("unet256", {"bias": "everywhere"}, 54_419_459),
        ("encoder-decoder", {"bias": "everywhere"}, 39_080_963),
        ("unet128", {"bias": "everywhere"}, 41_833_475),
        ("unet256", {"bottleneck_norm": True}, 54_414_979),
    ],
)
def test_trainable_parameters_are_the_papers(name, options, count):
    with torch.device("meta"):
        assert trainable(make("generator", name, init_std=0, **options)) == count


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unet256", "unet128", "unet64", "encoder-decoder"])
def test_every_generator_keeps_the_contract(name):
    check_generator(name, depth=3, width=4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"norm": "instance"},
        {"norm": "none"},
        {"pre_activation": False},
        {"padding": "reflect"},
        {"upsampling": "resize"},
        {"detail": 3},
        {"dropout_kind": "channel"},
        {"encoder_activation": "mish", "decoder_activation": "silu"},
        {"bias": "everywhere", "bottleneck_norm": True},
    ],
)
def test_every_option_keeps_the_contract(options):
    check_generator("unet64", depth=3, width=4, channels=((3, 3),), **options)


def test_detail_sees_single_pixels_of_the_source_and_adds_two_convolutions():
    """Without, a pixel of the source reaches the output through stages of half the size and less alone."""
    torch.manual_seed(0)
    plain, fine = (UNet(UNetOptions(depth=3, width=4, dropout=0, detail=n), source_channels=2) for n in (0, 5))
    # The last up-convolution gives 5 channels in place of 3; 7 to 5 and 5 to 3 channels, 3 x 3, with biases.
    assert trainable(fine) - trainable(plain) == (8 * 16 + 1) * 2 + (7 * 9 + 1) * 5 + (5 * 9 + 1) * 3
    x = torch.randn(1, 2, 16, 16)
    moved = x.clone()
    moved[:, :, 7, 7] += 1
    with torch.no_grad():
        fine.output[1].weight.zero_()  # what the stages give
        change = (fine(moved) - fine(x)).abs().sum(1)[0]
    rows, columns = change.nonzero(as_tuple=True)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 9, 5, 9)


def test_wiring_keeps_the_weights_and_changes_the_output():
    torch.manual_seed(0)
    pre, post = (
        UNet(UNetOptions(depth=3, width=4, pre_activation=True, dropout=0)),
        UNet(UNetOptions(depth=3, width=4, pre_activation=False, dropout=0)),
    )
    assert trainable(pre) == trainable(post)
    for own, other in zip(pre.parameters(), post.parameters(), strict=True):
        own.data = other.data
    x = torch.randn(1, 3, 16, 16)
    assert not torch.allclose(pre(x), post(x))


def test_pre_wiring_cuts_negative_skips_and_post_wiring_keeps_them():
    """The difference that the field's two wirings make: what of a skip reaches the last layer."""
    for pre_activation, reaches in ((True, False), (False, True)):
        torch.manual_seed(0)
        network = UNet(UNetOptions(depth=2, width=4, pre_activation=pre_activation, norm="none", dropout=0))
        first = network.encoder[0]
        convolution = next(m for m in first.modules() if isinstance(m, torch.nn.Conv2d))
        torch.nn.init.constant_(convolution.weight, -1.0)  # the skip is negative for a positive picture
        last = network.output[-2]
        last.weight.data[:4] = 0  # only the skip's half of the joined channels counts
        made = network(torch.ones(1, 3, 8, 8))
        assert bool(made.abs().sum() > 0) is reaches


def test_first_and_last_layers_have_no_norm_and_neither_has_the_bottleneck():
    network = UNet(UNetOptions(depth=4, width=4))
    has_norm = [any("Norm" in type(m).__name__ for m in block.modules()) for block in network.encoder]
    assert has_norm == [False, True, True, False]
    assert not any("Norm" in type(m).__name__ for m in network.output.modules())


def test_a_batch_norm_at_a_bottleneck_of_one_pixel_gives_its_bias():
    torch.manual_seed(0)
    network = UNet(UNetOptions(depth=3, width=4, bottleneck_norm=True))
    bottleneck = network.encoder[-1]
    bias = next(m for m in bottleneck.modules() if "Norm" in type(m).__name__).bias
    torch.nn.init.uniform_(bias)
    seen = []
    bottleneck.register_forward_hook(lambda _m, _i, output: seen.append(output))
    loss = network(torch.randn(1, 3, 8, 8)).square().mean()
    torch.testing.assert_close(seen[0].flatten(), bias.detach())
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_dropout_is_noise_in_the_named_blocks_only():
    network = UNet(UNetOptions(depth=5, width=4, dropout_blocks=(1, 3)))
    has = [any(isinstance(m, torch.nn.Dropout) for m in block.modules()) for block in network.decoder]
    assert has == [True, False, True, False]
    x = torch.randn(1, 3, 32, 32)
    assert not torch.equal(network(x), network(x))
    for layer in network.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.eval()
    assert torch.equal(network(x), network(x))


def test_initial_weights_are_normal_with_deviation_002():
    torch.manual_seed(0)
    network = UNet(UNetOptions(depth=5, width=64))
    weight = network.encoder[4][1].weight
    assert weight.shape == (512, 512, 4, 4)
    assert weight.std().item() == pytest.approx(0.02, rel=0.02)
    gamma = torch.cat([m.weight for m in network.modules() if "BatchNorm" in type(m).__name__])
    assert gamma.mean().item() == pytest.approx(1, abs=0.01)
    assert gamma.std().item() == pytest.approx(0.02, rel=0.1)
    assert not network.output[-2].bias.any()


def test_twice_the_training_size_works():
    network = UNet(UNetOptions(depth=3, width=4))
    assert network(torch.randn(1, 3, 16, 24)).shape == (1, 3, 16, 24)


@pytest.mark.parametrize(("pre_activation", "encoder", "decoder"), [(True, 3, 4), (False, 4, 3)])
def test_activations_per_block_stand_where_they_are_named(pre_activation, encoder, decoder):
    names = ["mish", "silu", "gelu", "relu"]
    network = make(
        "generator",
        "unet64",
        depth=4,
        width=4,
        pre_activation=pre_activation,
        encoder_activation=names[:encoder],
        decoder_activation=names[:decoder],
    )
    kinds = {"Mish", "SiLU", "GELU", "ReLU"}
    inner = [type(m).__name__ for m in network.encoder.modules() if type(m).__name__ in kinds]
    outer = [type(m).__name__ for m in [*network.decoder.modules(), *network.output.modules()]]
    assert inner == ["Mish", "SiLU", "GELU", "ReLU"][:encoder]
    assert [n for n in outer if n in kinds] == ["Mish", "SiLU", "GELU", "ReLU"][:decoder]


def test_a_wrong_number_of_activations_names_the_right_one():
    with pytest.raises(ConfigError, match=r"decoder_activation: 7 activations; this depth and order have 8"):
        make("generator", "unet256", width=4, decoder_activation=["relu"] * 7)


def test_a_dropout_block_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="no block 9; the decoder has 2 inner blocks"):
        make("generator", "unet64", depth=3, width=4, dropout_blocks=[9])


def test_without_a_catalogue_other_activations_need_a_function_that_makes_them():
    options = UNetOptions(depth=3, width=4, decoder_activation=(ComponentRef("mish"),))
    with pytest.raises(ConfigError, match=r"no activation 'mish'\nPass UNet\(\.\.\., activation=\)"):
        UNet(options)
    network = UNet(options, activation=lambda ref: torch.nn.Mish() if ref.name == "mish" else torch.nn.ReLU())
    assert sum(isinstance(m, torch.nn.Mish) for m in network.modules()) == 3


def test_without_a_catalogue_it_is_the_network_of_the_catalogue():
    alone = UNet(UNetOptions(depth=3, width=4), source_channels=1, target_channels=2)
    assert (alone.encoder[0][0].in_channels, alone.output[-2].out_channels) == (1, 2)
    assert str(UNet(UNetOptions(depth=3, width=4))) == str(make("generator", "unet64", depth=3, width=4))
