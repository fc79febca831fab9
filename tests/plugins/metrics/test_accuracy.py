"""How often the discriminator is right, beside what each adversarial loss calls real."""

import pytest
import torch
from torch import nn

from imtrans.interfaces import DiscriminatorOutput
from imtrans.kit.loss_terms import AdversarialTerms, Weighted, accuracy
from imtrans_losses.adversarial import BCE, LSGAN, Hinge


def verdict(*scales):
    return DiscriminatorOutput([torch.tensor(values).reshape(1, 1, -1, 1) for values in scales])


@pytest.mark.parametrize(
    ("real", "fake", "share"),
    [
        ([[1.0, 2.0]], [[-1.0, -2.0]], 1.0),
        ([[-1.0, -2.0]], [[1.0, 2.0]], 0.0),
        ([[0.0, 0.0]], [[0.0, 0.0]], 0.5),
        ([[1.0, 1.0, 1.0, -1.0]], [[-1.0, 1.0, 1.0, 1.0]], 0.5),
        ([[1.0], [1.0] * 100], [[1.0], [-1.0] * 100], 0.75),
    ],
    ids=["right", "wrong", "nothing learned", "half", "scales count alike"],
)
def test_the_share_of_patches_told_right(real, fake, share):
    assert float(accuracy(verdict(*real), verdict(*fake), threshold=0.0)) == pytest.approx(share)


@pytest.mark.parametrize(
    ("loss", "threshold"), [(BCE(), 0.0), (Hinge(), 0.0), (LSGAN(), 0.5)], ids=["bce", "hinge", "ls"]
)
def test_a_loss_costs_as_much_on_either_side_of_its_threshold(loss, threshold):
    """Half way between what costs a real and what costs a fake image least, judged by the loss itself."""
    assert AdversarialTerms([Weighted(1.0, loss)]).real_threshold == threshold
    empty = DiscriminatorOutput([torch.tensor([[threshold]])])
    on_real = loss.discriminator_loss(empty, DiscriminatorOutput([torch.tensor([[-9.0 + threshold]])]))
    on_fake = loss.discriminator_loss(DiscriminatorOutput([torch.tensor([[9.0 + threshold]])]), empty)
    assert float(on_real) == pytest.approx(float(on_fake), rel=1e-3)


def test_without_a_loss_the_threshold_is_zero():
    assert AdversarialTerms([]).real_threshold == 0.0
    assert AdversarialTerms([Weighted(1.0, nn.Identity())]).real_threshold == 0.0
