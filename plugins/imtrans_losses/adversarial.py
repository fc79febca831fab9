"""Losses of discriminator and generator on logits; means over patches, then the mean or the sum over scales."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from imtrans.interfaces import DiscriminatorOutput

OverScales = Literal["mean", "sum"]


class OfLogits:
    """What these losses share: a cost of logits, a mean for each scale, and the mean or the sum of those."""

    def __init__(self, *, scales: OverScales = "mean") -> None:
        self.scales = scales

    def _mean(self, output: DiscriminatorOutput, cost: Callable[[Tensor], Tensor]) -> Tensor:
        # The mean of each scale first: the coarser scales have fewer patches and would count less otherwise.
        costs = torch.stack([cost(logits).mean() for logits in output.logits])
        return costs.sum() if self.scales == "sum" else costs.mean()


class BCE(OfLogits):
    """Binary cross entropy on logits (Goodfellow et al. 2014); an undecided discriminator pays log 2 for each term."""

    def discriminator_loss(self, on_real: DiscriminatorOutput, on_fake: DiscriminatorOutput) -> Tensor:
        """-log D(real) - log(1 - D(fake)), each a mean."""
        return self._mean(on_real, _entropy(1.0)) + self._mean(on_fake, _entropy(0.0))

    def generator_loss(self, on_fake: DiscriminatorOutput, on_real: DiscriminatorOutput | None = None) -> Tensor:  # noqa: ARG002 - the protocol's
        """-log D(fake), not log(1 - D(fake)), which has no gradient where the discriminator is sure."""
        return self._mean(on_fake, _entropy(1.0))


class LSGAN(OfLogits):
    """Least squares with labels 1 and 0 (Mao et al. 2017, equation 9 without its factors of 1/2)."""

    real_threshold = 0.5  # half way between its labels: logits above count as real

    def discriminator_loss(self, on_real: DiscriminatorOutput, on_fake: DiscriminatorOutput) -> Tensor:
        """(D(real) - 1)^2 + D(fake)^2, each a mean."""
        return self._mean(on_real, lambda x: (x - 1).square()) + self._mean(on_fake, torch.square)

    def generator_loss(self, on_fake: DiscriminatorOutput, on_real: DiscriminatorOutput | None = None) -> Tensor:  # noqa: ARG002 - the protocol's
        """(D(fake) - 1)^2, a mean."""
        return self._mean(on_fake, lambda x: (x - 1).square())


class Hinge(OfLogits):
    """Hinge loss; the generator raises the logits of its images without bound, or, with `generator_margin`, up to 1."""

    def __init__(self, *, generator_margin: bool = False, scales: OverScales = "mean") -> None:
        super().__init__(scales=scales)
        self.generator_margin = generator_margin

    def discriminator_loss(self, on_real: DiscriminatorOutput, on_fake: DiscriminatorOutput) -> Tensor:
        """max(0, 1 - D(real)) + max(0, 1 + D(fake)), each a mean."""
        return self._mean(on_real, lambda x: functional.relu(1 - x)) + self._mean(
            on_fake, lambda x: functional.relu(1 + x)
        )

    def generator_loss(self, on_fake: DiscriminatorOutput, on_real: DiscriminatorOutput | None = None) -> Tensor:  # noqa: ARG002 - the protocol's
        """-D(fake), or max(0, 1 - D(fake)) with `generator_margin`; a mean."""
        return self._mean(on_fake, (lambda x: functional.relu(1 - x)) if self.generator_margin else torch.neg)


class Wasserstein(OfLogits):
    """The critic's distance (Arjovsky et al. 2017): it rates the real high and the generated low, without bounds.

    It needs a critic whose slope is bounded: by spectral norm, or by the penalty wgan-gp.
    """

    def discriminator_loss(self, on_real: DiscriminatorOutput, on_fake: DiscriminatorOutput) -> Tensor:
        """D(fake) - D(real), each a mean."""
        return self._mean(on_real, torch.neg) + self._mean(on_fake, torch.Tensor.clone)

    def generator_loss(self, on_fake: DiscriminatorOutput, on_real: DiscriminatorOutput | None = None) -> Tensor:  # noqa: ARG002 - the protocol's
        """-D(fake), a mean."""
        return self._mean(on_fake, torch.neg)


def _entropy(label: float) -> Callable[[Tensor], Tensor]:
    return lambda x: functional.binary_cross_entropy_with_logits(x, torch.full_like(x, label))
