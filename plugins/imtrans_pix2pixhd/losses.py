"""Feature matching: what pix2pixHD's generator learns from inside the discriminator (Wang et al. 2018, section 3.3)."""

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from imtrans.errors import PluginError
from imtrans.interfaces import DiscriminatorOutput

BLOCKS = 4  # of a discriminator with three layers, for which the paper chose its weight


class FeatureMatching:
    """L1 between the discriminator's inner outputs for the real and the generated picture; it trains G alone.

    The mean over the scales of the sum over the blocks, times 4 / blocks, which is 1 in the paper's network.
    """

    needs_real = True

    def discriminator_loss(self, on_real: DiscriminatorOutput, on_fake: DiscriminatorOutput) -> Tensor:  # noqa: ARG002 - the protocol's
        """Nothing: 0, without a gradient."""
        return on_fake.logits[0].new_zeros(())

    def generator_loss(self, on_fake: DiscriminatorOutput, on_real: DiscriminatorOutput | None = None) -> Tensor:
        """The distance, a scalar. PluginError for a discriminator that gives no features."""
        if on_real is None or not all(on_real.features) or not on_real.features:
            raise PluginError(
                "adversarial 'feature-matching': this discriminator gives no features to compare",
                hint="Take one that does, such as discriminator=multiscale; or leave the term out.",
            )
        scales = [
            sum(l1_loss(f, r.detach()) for f, r in zip(fake, real, strict=True)) * BLOCKS / len(real)
            for fake, real in zip(on_fake.features, on_real.features, strict=True)
        ]
        return torch.stack(scales).mean()  # type: ignore[arg-type]
