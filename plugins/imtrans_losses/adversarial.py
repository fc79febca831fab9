"""Losses of discriminator and generator on logits; means over patches, then over scales."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from imtrans.interfaces import DiscriminatorOutput


class BCE:
    """Binary cross entropy on logits (Goodfellow et al. 2014); an undecided discriminator pays log 2 for each term."""

    def discriminator_loss(self, on_real: DiscriminatorOutput, on_fake: DiscriminatorOutput) -> Tensor:
        """-log D(real) - log(1 - D(fake)), each a mean."""
        return _mean(on_real, _entropy(1.0)) + _mean(on_fake, _entropy(0.0))

    def generator_loss(self, on_fake: DiscriminatorOutput, on_real: DiscriminatorOutput | None = None) -> Tensor:  # noqa: ARG002 - the protocol's
        """-log D(fake), not log(1 - D(fake)), which has no gradient where the discriminator is sure."""
        return _mean(on_fake, _entropy(1.0))


class LSGAN:
    """Least squares with labels 1 and 0 (Mao et al. 2017, equation 9 without its factors of 1/2)."""

    real_threshold = 0.5  # half way between its labels: logits above count as real

    def discriminator_loss(self, on_real: DiscriminatorOutput, on_fake: DiscriminatorOutput) -> Tensor:
        """(D(real) - 1)^2 + D(fake)^2, each a mean."""
        return _mean(on_real, lambda x: (x - 1).square()) + _mean(on_fake, torch.square)

    def generator_loss(self, on_fake: DiscriminatorOutput, on_real: DiscriminatorOutput | None = None) -> Tensor:  # noqa: ARG002 - the protocol's
        """(D(fake) - 1)^2, a mean."""
        return _mean(on_fake, lambda x: (x - 1).square())


class Hinge:
    """Hinge loss; the generator raises the logits of its images without bound, or, with `generator_margin`, up to 1."""

    def __init__(self, *, generator_margin: bool = False) -> None:
        self.generator_margin = generator_margin

    def discriminator_loss(self, on_real: DiscriminatorOutput, on_fake: DiscriminatorOutput) -> Tensor:
        """max(0, 1 - D(real)) + max(0, 1 + D(fake)), each a mean."""
        return _mean(on_real, lambda x: functional.relu(1 - x)) + _mean(on_fake, lambda x: functional.relu(1 + x))

    def generator_loss(self, on_fake: DiscriminatorOutput, on_real: DiscriminatorOutput | None = None) -> Tensor:  # noqa: ARG002 - the protocol's
        """-D(fake), or max(0, 1 - D(fake)) with `generator_margin`; a mean."""
        return _mean(on_fake, (lambda x: functional.relu(1 - x)) if self.generator_margin else torch.neg)


def _entropy(label: float) -> Callable[[Tensor], Tensor]:
    return lambda x: functional.binary_cross_entropy_with_logits(x, torch.full_like(x, label))


def _mean(output: DiscriminatorOutput, cost: Callable[[Tensor], Tensor]) -> Tensor:
    # The mean of each scale first: the coarser scales have fewer patches and would count less otherwise.
    return torch.stack([cost(logits).mean() for logits in output.logits]).mean()
