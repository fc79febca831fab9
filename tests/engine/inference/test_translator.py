import numpy as np
import pytest
import torch
from factories import job
from torch import nn

from imtrans.engine.inference.forward import inference_mode, pad
from imtrans.engine.inference.translator import Translator
from imtrans.errors import ShapeError
from imtrans.interfaces import ImageSpec
from imtrans.kit import images


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return job(tmp_path_factory.mktemp("translate") / "run").model


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 40), (7, 9), (32, 32), (33, 31), (97, 8), (17, 31), (256, 256), (1000, 600)]
)
def test_any_size_comes_back_in_its_own_size(model, size):
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert Translator(model).translate(picture).shape == picture.shape


def test_padding_mirrors_again_and_again():
    x = torch.tensor([[[[1.0, 2.0, 3.0]]]])
    assert pad(x, (8, 8))[0, 0, 0].tolist() == [1, 2, 3, 2, 1, 2, 3, 2]
    assert pad(x, (8, 8)).shape == (1, 1, 8, 8)
    assert pad(torch.ones(1, 1, 8, 16), (8, 8)).shape == (1, 1, 8, 16)


def test_looking_leaves_modes_buffers_and_random_state_as_they_were(model):
    network = model.networks["generator"]
    before = {k: v.clone() for k, v in network.state_dict().items()}
    modes = [m.training for m in network.modules()]
    state = torch.get_rng_state()
    Translator(model).translate(np.zeros((32, 32, 3), np.uint8))
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert [m.training for m in network.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("norm", ["batch", "running"])
def test_the_policy_chooses_the_statistics(norm):
    from imtrans.kit.nn import inference

    layer = nn.BatchNorm2d(2)
    x = torch.randn(4, 2, 8, 8) * 3 + 5
    with inference([layer], norm=norm):
        made = layer(x)
    wanted = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(made, wanted if norm == "batch" else x / (1 + 1e-5) ** 0.5)
    assert layer.running_mean.eq(0).all()
    assert layer.num_batches_tracked == 0
    assert layer.training
    assert layer.track_running_stats


def test_batch_statistics_of_one_picture_equal_instance_norm():
    from imtrans.kit.nn import BatchNorm, InstanceNorm

    torch.manual_seed(0)
    batch, instance = BatchNorm(4), InstanceNorm(4)
    for own, other in zip(batch.parameters(), instance.parameters(), strict=True):
        nn.init.uniform_(own)
        other.data = own.data
    x = torch.randn(1, 4, 16, 16)
    torch.testing.assert_close(batch(x), instance(x), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        instance(x), nn.functional.instance_norm(x) * batch.weight.view(1, 4, 1, 1) + batch.bias.view(1, 4, 1, 1)
    )


def test_a_single_value_gives_the_bias_and_finite_gradients():
    from imtrans.kit.nn import BatchNorm, InstanceNorm

    for layer in (BatchNorm(3), InstanceNorm(3)):
        nn.init.uniform_(layer.bias)
        x = torch.randn(1, 3, 1, 1, requires_grad=True)
        made = layer(x)
        torch.testing.assert_close(made.flatten(), layer.bias)
        made.sum().backward()
        assert x.grad.eq(0).all()
        assert layer.bias.grad.eq(1).all()


def test_the_wrong_number_of_channels_is_said(model):
    with pytest.raises(ShapeError, match=r"takes 3 channels \(the last axis\)"):
        Translator(model).translate(np.zeros((32, 32, 4), np.uint8))


def test_a_16_bit_picture_is_scaled_to_an_8_bit_model(model):
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    wide = picture.astype(np.uint16) * 257
    close = Translator(model).translate(picture).astype(int) - Translator(model).translate(wide)
    assert np.abs(close).max() <= 1


@pytest.mark.parametrize(("spec", "dtype"), [(ImageSpec(), np.uint8), (ImageSpec(high=65535, bits=16), np.uint16)])
def test_the_range_and_its_inverse_are_exact(spec, dtype):
    stored = torch.arange(0, int(spec.high) + 1, 17).view(1, 1, -1)
    there = images.to_range(stored, spec)
    assert there.min() == -1
    assert there.max() == 1
    back = images.from_range(there, spec)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back[0, :, 0], stored.flatten().numpy())


def test_inferring_takes_no_gradients(model):
    with inference_mode(model, seed=0):
        assert not model.networks["generator"](torch.zeros(1, 3, 32, 32)).requires_grad


def test_an_array_that_may_not_be_written_is_taken_without_a_warning(model):
    picture = np.zeros((32, 32, 3), np.uint8)
    picture.setflags(write=False)  # as numpy.asarray of a Pillow image is
    assert Translator(model).translate(picture).shape == picture.shape


def test_an_array_of_floats_is_not_changed_and_gives_the_same_again(tmp_path):
    from imtrans.engine.inference.forward import network_input

    spec = ImageSpec(kind="data", channels=1, low=0.0, high=2.0, bits=32)
    values = np.linspace(0, 2, 16, dtype=np.float32).reshape(4, 4, 1)
    once, again = network_input(values, spec), network_input(values, spec)
    assert torch.equal(once, again)
    assert (float(once.min()), float(once.max())) == (-1, 1)
    assert np.array_equal(values, np.linspace(0, 2, 16, dtype=np.float32).reshape(4, 4, 1))
