"""Penalties on the slope of a discriminator, which take a second derivative."""

import torch
from torch import Tensor

from imtrans.interfaces import Batch, Discriminator
from imtrans.kit.random import uniform


class R1:
    """The squared slope at real pictures (Mescheder et al. 2018): the mean over the batch of |gradient|^2.

    The paper's gamma is twice the weight. Of several scales the logits' means are added.
    """

    def __call__(self, discriminator: Discriminator, batch: Batch, fake: Tensor) -> Tensor:  # noqa: ARG002 - the protocol's
        """A scalar of at least 0."""
        return _slope(discriminator, batch.source, batch.target).square().sum(1).mean()


class WassersteinGP:
    """The squared distance of the slope from 1, between real and generated pictures (Gulrajani et al. 2017)."""

    def __call__(self, discriminator: Discriminator, batch: Batch, fake: Tensor) -> Tensor:
        """A scalar of at least 0; where it looks follows from the draws of the batch."""
        shares = uniform(batch.draws, 1, stream="wgan-gp").to(fake.device, fake.dtype)
        share = shares.view(-1, *[1] * (fake.dim() - 1))
        between = share * batch.target + (1 - share) * fake.detach()
        slope: Tensor = _slope(discriminator, batch.source, between).norm(dim=1)
        return (slope - 1).square().mean()


def _slope(discriminator: Discriminator, source: Tensor, picture: Tensor) -> Tensor:
    """The gradient of each picture's score, (B, C * H * W), through which a gradient flows to the discriminator."""
    seen = picture.detach().requires_grad_()
    output = discriminator(source, seen)
    score = torch.stack([logits.flatten(1).mean(1) for logits in output.logits]).sum()
    (gradient,) = torch.autograd.grad(score, seen, create_graph=True)
    return gradient.flatten(1)
