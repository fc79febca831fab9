"""Weighted sums of losses, for the loss slots of a method."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from imtrans.errors import PluginError
from imtrans.interfaces import Adversarial, DiscriminatorOutput


class Weighted(NamedTuple):
    """A component with its weight, and its name for messages."""

    weight: float
    part: Any
    name: str = "a loss"
    key: str = ""


class WeightedSum:
    """What fills a slot of losses: a sum of terms, of which those of weight 0 are not computed.

    Of several terms it keeps what each has added, for the log of a run.
    """

    def __init__(self, terms: Sequence[Weighted]) -> None:
        self.terms = [t for t in terms if t.weight != 0]  # 0 times infinity would be NaN
        self._added: dict[str, Tensor] = {}

    @property
    def is_on(self) -> bool:
        """Whether any term has a weight other than 0."""
        return bool(self.terms)

    def take(self) -> dict[str, Tensor]:
        """What each of several terms has added since the last call, by its name: weighted scalars without gradient."""
        taken, self._added = self._added, {}
        return taken

    def _sum(self, values: list[Tensor]) -> Tensor:
        """The sum of the terms' weighted values, which are kept for the log."""
        for term, value in zip(self.terms, values, strict=True) if len(values) > 1 else ():
            before = self._added.get(term.key)
            self._added[term.key] = value.detach() if before is None else before + value.detach()
        return _sum(values)


class Terms(WeightedSum):
    """A sum of losses or penalties, called as each of them is."""

    def __call__(self, *args: Any) -> Tensor:
        return self._sum([t.weight * _with_gradient(t.part(*args), t, args) for t in self.terms])


class AdversarialTerms(WeightedSum):
    """A sum of adversarial losses. The weights scale the generator's losses only, not the discriminator's.

    A part with `needs_real` compares with the discriminator output for the real image (feature matching). A part whose
    labels do not lie around 0 gives as `real_threshold` the logit above which an image counts as real.
    """

    @property
    def needs_real(self) -> bool:
        """Whether a term compares with the discriminator output for the real image."""
        return any(getattr(t.part, "needs_real", False) for t in self.terms)

    @property
    def real_threshold(self) -> float:
        """The logit above which an image counts as real: that of the first part, or 0."""
        return float(getattr(self.terms[0].part, "real_threshold", 0.0)) if self.terms else 0.0

    def discriminator_loss(self, on_real: DiscriminatorOutput, on_fake: DiscriminatorOutput) -> Tensor:
        """The weighted sum that the discriminator minimises."""
        return _sum([_adversarial(t).discriminator_loss(on_real, on_fake) for t in self.terms])

    def generator_loss(self, on_fake: DiscriminatorOutput, on_real: DiscriminatorOutput | None = None) -> Tensor:
        """The weighted sum that the generator minimises."""
        losses = [_adversarial(t).generator_loss(on_fake, on_real) for t in self.terms]
        return self._sum(
            [t.weight * _with_gradient(v, t, on_fake.logits) for t, v in zip(self.terms, losses, strict=True)]
        )


@torch.no_grad()
def accuracy(on_real: DiscriminatorOutput, on_fake: DiscriminatorOutput, *, threshold: float) -> Tensor:
    """The share of patches that the discriminator classifies correctly, a scalar in [0, 1]; 0.5 is guessing.

    A patch above `threshold` is called real. Real and fake patches count alike, and so do the scales.
    """
    # A mean for each scale first: a coarser scale has fewer patches, and would count less otherwise.
    correct = [(logits > threshold).float().mean() for logits in on_real.logits]
    correct += [(logits <= threshold).float().mean() for logits in on_fake.logits]
    return torch.stack(correct).mean()


def _with_gradient(value: Tensor, term: Weighted, given: Sequence[Any]) -> Tensor:
    """The value of a term. PluginError where its input has a gradient and it has none, though it is not 0."""
    is_training = any(isinstance(each, Tensor) and each.requires_grad for each in given)
    if is_training and torch.is_grad_enabled() and not value.requires_grad and bool(value.detach().any()):
        raise PluginError(
            f"{term.name} has no gradient: it trains nothing",
            hint="Look for detach(), torch.no_grad() or a conversion to numbers in it; or give it weight 0.",
        )
    return value


def _adversarial(term: Weighted) -> Adversarial:
    part: Adversarial = term.part
    return part


def _sum(values: list[Tensor]) -> Tensor:
    # Without terms a zero on the CPU, which torch adds to a tensor of any device.
    return torch.stack(values).sum() if len(values) > 1 else values[0] if values else torch.zeros(())
