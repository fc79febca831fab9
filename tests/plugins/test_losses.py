import math

import pytest
import torch

from imtrans.interfaces import DiscriminatorOutput
from imtrans.testing import check_activation, check_loss, make
from imtrans_losses.adversarial import BCE, LSGAN, Hinge


def verdict(*values):
    return DiscriminatorOutput(logits=[torch.tensor([[[[v]]]]) for v in values])


def test_an_undecided_judge_pays_log_2_for_each_term():
    assert BCE().discriminator_loss(verdict(0.0), verdict(0.0)).item() == pytest.approx(2 * math.log(2))
    assert BCE().generator_loss(verdict(0.0)).item() == pytest.approx(math.log(2))


def test_bce_on_logits_is_minus_the_log_of_the_probability():
    p = 1 / (1 + math.exp(-1.5))
    assert BCE().discriminator_loss(verdict(1.5), verdict(-0.5)).item() == pytest.approx(
        -math.log(p) - math.log(1 - 1 / (1 + math.exp(0.5)))
    )
    assert BCE().generator_loss(verdict(1.5)).item() == pytest.approx(-math.log(p))
    assert math.isfinite(BCE().generator_loss(verdict(-1000.0)).item())


def test_lsgan_measures_the_squared_distance_from_its_labels():
    assert LSGAN().discriminator_loss(verdict(0.5), verdict(2.0)).item() == pytest.approx(0.25 + 4)
    assert LSGAN().generator_loss(verdict(3.0)).item() == pytest.approx(4)


def test_hinge_is_free_beyond_the_margin():
    assert Hinge().discriminator_loss(verdict(1.0), verdict(-1.0)).item() == 0
    assert Hinge().discriminator_loss(verdict(0.25), verdict(0.5)).item() == pytest.approx(0.75 + 1.5)
    assert Hinge().generator_loss(verdict(3.0)).item() == -3
    assert Hinge(generator_margin=True).generator_loss(verdict(3.0)).item() == 0


def test_scales_count_alike_whatever_their_size():
    both = DiscriminatorOutput(logits=[torch.zeros(1, 1, 4, 4), torch.full((1, 1, 2, 2), 2.0)])
    assert LSGAN().generator_loss(both).item() == pytest.approx((1 + 1) / 2)


@pytest.mark.parametrize("name", ["l1", "mse"])
def test_losses_keep_the_contract(name):
    check_loss(name)


@pytest.mark.parametrize("name", ["relu", "leaky-relu", "mish", "silu", "gelu"])
def test_activations_keep_the_contract(name):
    check_activation(name)


def test_mish_has_the_known_values():
    known = {-5: -0.03357623773, -2: -0.2525014827, -1: -0.3034014614, 0: 0, 1: 0.8650983883, 2: 1.9439589595}
    x = torch.tensor([*known, -1.19243], dtype=torch.float64)
    torch.testing.assert_close(
        make("activation", "mish")(x),
        torch.tensor([*known.values(), -0.3088434130], dtype=torch.float64),
        atol=1e-9,
        rtol=0,
    )


def test_leaky_relu_takes_its_slope():
    assert make("activation", "leaky-relu")(torch.tensor(-1.0)).item() == pytest.approx(-0.2)
    assert make("activation", "leaky-relu", slope=0.3)(torch.tensor(-1.0)).item() == pytest.approx(-0.3)
