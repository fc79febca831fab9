import pytest
import torch

from imtrans.errors import ConfigError, ShapeError
from imtrans.testing import check_discriminator, make
from imtrans_patchgan.network import PatchGAN

FIELDS = {"pixelgan": 1, "patchgan16": 16, "patchgan34": 34, "patchgan70": 70, "patchgan142": 142, "patchgan286": 286}


def trainable(network):
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 2_768_705),
        ({"bias": "everywhere"}, 2_769_601),
        ({"bias": "everywhere", "layers": 0}, 9_153),
        ({"layers": 1}, 139_585),
        ({"layers": 2}, 666_433),
        ({"layers": 4}, 6_964_033),
        ({"layers": 5}, 11_159_361),
        ({"layers": 6}, 15_354_689),
    ],
)
def test_trainable_parameters_are_the_known_ones(options, count):
    with torch.device("meta"):
        assert trainable(make("discriminator", "patchgan70", init_std=0, **options)) == count


def test_an_unconditional_judge_does_not_see_the_source():
    with torch.device("meta"):
        assert (
            trainable(make("discriminator", "patchgan70", conditional=False, bias="everywhere", init_std=0))
            == 2_766_529
        )
    network = make("discriminator", "patchgan16", conditional=False, width=4)
    image = torch.randn(1, 3, 32, 32)
    one, other = network(torch.randn(1, 3, 32, 32), image), network(None, image)
    assert torch.equal(one.logits[0], other.logits[0])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "field"), FIELDS.items())
def test_one_logit_sees_exactly_the_field_in_the_name(name, field):
    """By back-propagation, without norms, which would couple all pixels."""
    torch.manual_seed(0)
    network = make("discriminator", name, width=2, norm="none", init_std=0.5).double()
    size = max(64, field + 64)
    image = torch.randn(1, 3, size, size, dtype=torch.float64).requires_grad_()
    logits = network(torch.randn_like(image), image).logits[0]
    middle = logits.shape[-1] // 2
    (gradient,) = torch.autograd.grad(logits[0, 0, middle, middle], image)
    touched = gradient[0].abs().sum(0).nonzero()
    assert (touched.amax(0) - touched.amin(0) + 1).tolist() == [field, field]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layers", "padding", "size", "out"),
    [
        (3, "zero", 256, 30),
        (3, "zero", 128, 14),
        (3, ["zero", "none", "none", "none", "zero"], 256, 26),
        (4, "same", 128, 8),
        (3, "reflect", 256, 30),
        (0, "zero", 64, 64),
        (1, "zero", 256, 126),
    ],
)
def test_the_output_has_the_known_size(layers, padding, size, out):
    network = make("discriminator", "patchgan70", layers=layers, padding=padding, width=2)
    logits = network(torch.zeros(1, 3, size, size), torch.zeros(1, 3, size, size)).logits[0]
    assert tuple(logits.shape) == (1, 1, out, out)


@pytest.mark.parametrize("name", FIELDS)
def test_every_discriminator_keeps_the_contract(name):
    check_discriminator(name, width=4, **({"layers": 3} if FIELDS[name] > 70 else {}))


def test_same_padding_at_stride_one_is_one_before_and_two_behind():
    """An impulse in the first pixel must reach outputs 0 and 1, one in the last the last three: Keras's convention."""
    network = PatchGAN(
        0, 1, layers=1, width=1, norm="none", padding=["same"], activations=[torch.nn.Identity] * 2, init_std=0
    )
    last = network.blocks[-1]
    for layer in last:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.ones_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
    for place, wanted in ((0, [0, 1]), (7, [5, 6, 7])):
        x = torch.zeros(1, 1, 8, 8)
        x[..., place, place] = 1
        x = torch.nn.functional.pad(x, (0, 0, 0, 0)).repeat(1, last[1].in_channels, 1, 1)
        reached = last(x)[0, 0].sum(0).nonzero().flatten().tolist()
        assert reached == wanted


@pytest.mark.slow
@pytest.mark.parametrize("init_std", [0.02, 0.0])
@pytest.mark.parametrize("name", [*FIELDS, "patchgan94"])
def test_spectral_norm_begins_with_a_largest_singular_value_of_one(name, init_std):
    torch.manual_seed(0)
    network = make("discriminator", name, spectral_norm=True, width=32, init_std=init_std)
    for is_training in (False, True):
        network.train(is_training)
        for layer in network.modules():
            if isinstance(layer, torch.nn.Conv2d):
                assert torch.linalg.svdvals(layer.weight.detach().flatten(1))[0].item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("layers", "padding", "smallest"), [(3, "zero", 24), (0, "zero", 1), (1, "none", 16), (2, "same", 4)]
)
def test_a_picture_that_is_too_small_is_refused_and_the_next_size_is_not(layers, padding, smallest):
    network = make("discriminator", "patchgan70", layers=layers, padding=padding, width=2)
    x = torch.zeros(1, 3, smallest, smallest)
    assert network(x, x).logits[0].numel() >= 1
    if smallest > 1:
        x = x[..., :-1]
        with pytest.raises(ShapeError, match=f"too small for this discriminator: it needs {smallest} pixels"):
            network(x, x)


def test_a_padding_list_of_the_wrong_length_names_the_right_one():
    with pytest.raises(ConfigError, match="padding: 2 given; there are 5 convolutions"):
        make("discriminator", "patchgan70", padding=["zero", "none"])


@pytest.mark.parametrize(("layers", "smallest"), [(1, 6), (3, 24)])
def test_smooth_sampling_has_the_same_weights_and_sizes_and_its_own_smallest_picture(layers, smallest):
    plain, smooth = (PatchGAN(0, 3, layers=layers, width=2, antialias=a) for a in (False, True))
    smooth.load_state_dict(plain.state_dict())
    assert smooth.smallest == smallest
    for size in (smallest, 33, 64):
        x = torch.rand(1, 3, size, size)
        judged, by_stride = smooth(None, x).logits[0], plain(None, x).logits[0]
        assert judged.shape == by_stride.shape
        assert not torch.equal(judged, by_stride)
    with pytest.raises(ShapeError, match=f"needs {smallest} pixels"):
        smooth(None, x[..., : smallest - 1, : smallest - 1])


def test_smooth_sampling_is_a_convolution_then_a_blur():
    network = PatchGAN(0, 1, layers=1, width=1, norm="none", antialias=True)
    x = torch.rand(1, 1, 8, 8)
    convolved = torch.nn.functional.leaky_relu(
        torch.nn.functional.conv2d(x, network.blocks[0][0].weight, network.blocks[0][0].bias, padding=1), 0.2
    )
    row = torch.tensor([1.0, 2.0, 1.0]) / 4
    padded = torch.nn.functional.pad(convolved, (1, 1, 1, 1), mode="reflect")
    blurred = torch.nn.functional.conv2d(padded, torch.outer(row, row)[None, None], stride=2)
    torch.testing.assert_close(network(None, x).features[0][0], blurred)
