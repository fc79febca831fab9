"""One training step of supervised translation, and the mean over mirrored pictures."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from imtrans.interfaces import Batch, Update
from imtrans.kit.bases import BaseMethod
from imtrans.kit.loss_terms import Terms
from imtrans_regression import RegressionInference

# The axes along which pictures (B, C, H, W) are mirrored.
MIRRORS: Mapping[str, Sequence[Sequence[int]]] = {"none": [[]], "horizontal": [[], [3]], "all": [[], [3], [2], [2, 3]]}


class Regression(BaseMethod):
    """min over G of the weighted distances of G(x) and y."""

    def __init__(
        self, *, generator: nn.Module, reconstruction: Terms, policy: RegressionInference | None = None
    ) -> None:
        self.generator, self.reconstruction = generator, reconstruction
        self.networks = {"generator": generator}
        self.policy = policy or RegressionInference()

    def train_step(self, batch: Batch, update: Update, *, step: int) -> dict[str, Tensor]:  # noqa: ARG002 - the protocol's
        """One step; returns the weighted sum of the distances."""
        prediction = self.generator(batch.source)
        if batch.valid is not None:  # targets are 0 there as well
            prediction = prediction * batch.valid
        loss = self.reconstruction(prediction, batch.target)
        update({"generator": loss})
        return {"reconstruction": loss.detach()}

    def translate(
        self,
        source: Tensor,
        *,
        extras: Mapping[str, Tensor] | None = None,  # noqa: ARG002 - the protocol's
        seed: int | None = None,  # noqa: ARG002 - dropout is the only noise; the engine seeds it
    ) -> Tensor:
        """(B, C, H, W) in [-1, 1] to the mean of the translations of its mirrored forms, each mirrored back."""
        translated = [self.generator(source.flip(list(axes))).flip(list(axes)) for axes in MIRRORS[self.policy.flips]]
        return torch.stack(translated).mean(0)
