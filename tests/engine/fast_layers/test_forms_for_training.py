"""The forms that training uses: the sums and all gradients are those of the layers, in double precision."""

import contextlib
import copy

import pytest
import torch
from torch import nn

from imtrans.engine.fast_layers.training import COLUMNS, for_training
from imtrans.engine.optim.optimizer_step import OptimizerStep
from imtrans.interfaces import Batch
from imtrans.kit.loss_terms import AdversarialTerms, Terms, Weighted
from imtrans.kit.nn import BatchNorm
from imtrans_losses.adversarial import BCE
from imtrans_patchgan.network import PatchGAN
from imtrans_pix2pix.method import VARIANTS
from imtrans_unet import UNetOptions
from imtrans_unet.network import UNet

LAYERS = {
    "strided": (nn.Conv2d(5, 40, 4, 2, 1), (2, 5, 8, 6)),
    "strided, one position": (nn.Conv2d(5, 7, 4, 2, 1, bias=False), (1, 5, 2, 2)),
    "dilated": (nn.Conv2d(5, 160, 3, 1, 2, 2), (1, 5, 7, 8)),
    "transposed, one position": (nn.ConvTranspose2d(6, 5, 4, 2, 1), (1, 6, 1, 1)),
    "transposed": (nn.ConvTranspose2d(80, 5, 4, 2, 1, bias=False), (3, 80, 2, 5)),
}


def gradients(layer, x):
    """The output, and the gradients of its square by weights, bias and input."""
    x = x.clone().requires_grad_()
    output = layer(x)
    return [output.detach(), *torch.autograd.grad(output.square().sum(), [*layer.parameters(), x])]


@pytest.mark.parametrize("name", LAYERS)
def test_output_and_gradients_are_the_layers_own(name):
    layer, shape = LAYERS[name]
    layer = copy.deepcopy(layer).double()
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = gradients(layer, x)
    form = for_training([layer], columns=1000)
    assert len(form) == 1
    with form:
        assert "forward" in vars(layer)
        found = gradients(layer, x)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_the_gradient_of_a_norm_before_a_join_comes_in_one_piece_and_is_the_same():
    """torch 2.13: of several pictures it is a part of the gradient of both sides of `torch.cat`, with gaps."""
    seen, found = [], []
    for is_fast in (False, True):
        norm, other = BatchNorm(3).double(), torch.ones(2, 4, 5, 5, dtype=torch.float64)
        x = torch.randn(2, 3, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
        form = for_training([norm])
        assert len(form) == 1
        with form if is_fast else contextlib.nullcontext():
            y = norm(x)
            y.register_hook(lambda gradient: seen.append(gradient.is_contiguous()))
            torch.cat([y, other], dim=1).square().sum().backward()
        found.append([x.grad, *(p.grad for p in norm.parameters()), norm.running_mean])
    assert seen == [False, True]
    torch.testing.assert_close(found[1], found[0], rtol=1e-12, atol=1e-12)


def products(step):
    """How many matrix products and convolutions there are in a call."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        step()
    counts = {event.key: event.count for event in profile.key_averages()}
    return counts.get("aten::mm", 0), counts.get("aten::convolution", 0)


@pytest.mark.parametrize(("half", "size", "is_product"), [(True, 32, True), (True, 34, False), (False, 32, False)])
def test_few_columns_are_multiplied_where_that_is_faster(half, size, is_product):
    """In bfloat16 up to 256 columns, in float32 none: matrices are multiplied at half the speed there."""
    assert {torch.bfloat16: 256} == COLUMNS
    layer, x = nn.Conv2d(8, 512, 1, stride=2), torch.randn(1, 8, size, size)
    with torch.autocast("cpu", torch.bfloat16, enabled=half), for_training([layer]):
        assert products(lambda: layer(x)) == ((1, 0) if is_product else (0, 1))


@pytest.mark.parametrize(
    ("layer", "size", "is_product"),
    [
        (nn.Conv2d(8, 512, 1), 13, True),
        (nn.Conv2d(8, 512, 1), 15, False),
        (nn.ConvTranspose2d(512, 8, 4, 2, 1), 13, True),
        (nn.ConvTranspose2d(512, 8, 4, 2, 1), 14, False),
    ],
)
def test_without_a_stride_and_for_transposed_layers_a_product_pays_up_to_three_columns_for_eight_rows(
    layer, size, is_product
):
    """512 rows: 169 columns are a product, 196 are not."""
    x = torch.randn(1, layer.in_channels, size, size)
    with torch.autocast("cpu", torch.bfloat16), for_training([layer]):
        assert products(lambda: layer(x)) == ((1, 0) if is_product else (0, 1))


def test_a_layer_with_fewer_rows_than_columns_is_left_alone():
    layer, x = nn.Conv2d(8, 4, 1), torch.randn(1, 8, 4, 4)
    with for_training([layer], columns=100):
        assert products(lambda: layer(x)) == (0, 1)


def test_a_step_of_pix2pix_is_the_same_in_double_precision():
    torch.manual_seed(0)
    plain = UNet(UNetOptions(depth=4, width=8)).double(), PatchGAN(3, 3, layers=2, width=8).double()
    fast = copy.deepcopy(plain)
    source, target = torch.rand(2, 2, 3, 32, 32, dtype=torch.float64) * 2 - 1
    batch = Batch(source=source, target=target, keys=["a", "b"], draws=torch.tensor([1, 2]))
    train(plain, batch)
    with for_training(fast, columns=1000):
        train(fast, batch)
    for one, other in zip(plain, fast, strict=True):
        torch.testing.assert_close(dict(other.state_dict()), dict(one.state_dict()), rtol=1e-12, atol=1e-12)


def train(networks, batch):
    """Two steps with plain gradient descent: Adam would make any rounding as large as its rate."""
    names = "generator", "discriminator"
    update = OptimizerStep.of(
        {n: torch.optim.SGD(m.parameters(), lr=0.01) for n, m in zip(names, networks, strict=True)}
    )
    terms = {
        "adversarial": AdversarialTerms([Weighted(1.0, BCE())]),
        "reconstruction": Terms([Weighted(100.0, nn.L1Loss())]),
    }
    method = VARIANTS["discriminator-first", "joint"](generator=networks[0], discriminator=networks[1], **terms)
    for step in range(2):
        torch.manual_seed(step)
        method.train_step(batch, update, step=step)
