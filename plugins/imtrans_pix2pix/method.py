"""One training step of pix2pix, in the three orders that the field uses."""

from collections.abc import Iterable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from imtrans import InferenceOptions
from imtrans.errors import ConfigError
from imtrans.interfaces import Batch, DiscriminatorOutput, Update
from imtrans.kit.bases import BaseMethod
from imtrans.kit.loss_terms import AdversarialTerms, Terms


class ConditionalGAN(BaseMethod):
    """min over G, max over D of cGAN(G, D) + weighted distances (Isola et al. 2017, equations 1 to 4).

    A weight of 0 switches a term off: `adversarial.weight=0` gives the paper's L1 (the discriminator then rests),
    `reconstruction.weight=0` its cGAN; `discriminator.conditional=false` makes GAN of cGAN.
    """

    def __init__(
        self,
        *,
        generator: nn.Module,
        discriminator: nn.Module,
        adversarial: AdversarialTerms,
        reconstruction: Terms,
        policy: InferenceOptions | None = None,
        order: Literal["discriminator-first", "generator-first", "simultaneous"] = "discriminator-first",
        discriminator_scale: float = 0.5,
        discriminator_updates: Literal["joint", "separate"] = "joint",
        zero_biases: bool = False,
    ) -> None:
        if order == "simultaneous" and discriminator_updates == "separate":
            raise ConfigError("method.discriminator_updates separate: a simultaneous order has one update for all")
        self.generator, self.discriminator = generator, discriminator
        self.networks = {"generator": generator, "discriminator": discriminator}
        self.adversarial, self.reconstruction = adversarial, reconstruction
        self.policy = policy or InferenceOptions()
        self.order, self.discriminator_scale = order, discriminator_scale
        self.discriminator_updates, self.zero_biases = discriminator_updates, zero_biases

    def train_step(self, batch: Batch, update: Update, *, step: int) -> dict[str, Tensor]:  # noqa: ARG002 - the protocol's
        """One step in the order that was chosen; logs the weighted losses."""
        if self.zero_biases:
            without_biases(self.networks.values())
        fake = self.generator(batch.source)
        if not self.adversarial.is_on:
            return self._generator_step(fake, batch, update, {})
        if self.order == "generator-first":
            logged = self._generator_step(fake, batch, update, {})
            return {**self._discriminator_step(fake, batch, update), **logged}
        if self.order == "simultaneous":
            loss_d, logged = self._discriminator_loss(fake, batch)
            return {**logged, **self._generator_step(fake, batch, update, {"discriminator": loss_d})}
        logged = self._discriminator_step(fake, batch, update)
        return {**logged, **self._generator_step(fake, batch, update, {})}

    def translate(
        self,
        source: Tensor,
        *,
        extras: Mapping[str, Tensor] | None = None,  # noqa: ARG002 - the protocol's
        seed: int | None = None,  # noqa: ARG002 - dropout is the only noise; the engine seeds it
    ) -> Tensor:
        """(B, C, H, W) in [-1, 1] to the same of the target."""
        translated: Tensor = self.generator(source)
        return translated

    def _discriminator_step(self, fake: Tensor, batch: Batch, update: Update) -> dict[str, Tensor]:
        if self.discriminator_updates == "separate":
            return self._discriminator_steps(fake, batch, update)
        loss_d, logged = self._discriminator_loss(fake, batch)
        update({"discriminator": loss_d})
        return logged

    def _discriminator_steps(self, fake: Tensor, batch: Batch, update: Update) -> dict[str, Tensor]:
        """A step on the fake, then one on the real: the other output is detached, so that it adds no gradient."""
        on_fake: DiscriminatorOutput = self.discriminator(batch.source, fake.detach())
        with torch.no_grad():
            on_real: DiscriminatorOutput = self.discriminator(batch.source, batch.target)
        update({"discriminator": self.adversarial.discriminator_loss(on_real, on_fake) * self.discriminator_scale})
        on_real = self.discriminator(batch.source, batch.target)
        loss_d, logged = self._loss_of(on_real, detach(on_fake))
        update({"discriminator": loss_d})
        return logged

    def _discriminator_loss(self, fake: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        on_real: DiscriminatorOutput = self.discriminator(batch.source, batch.target)
        return self._loss_of(on_real, self.discriminator(batch.source, fake.detach()))

    def _loss_of(self, on_real: DiscriminatorOutput, on_fake: DiscriminatorOutput) -> tuple[Tensor, dict[str, Tensor]]:
        loss_d = self.adversarial.discriminator_loss(on_real, on_fake) * self.discriminator_scale
        return loss_d, {
            "discriminator": loss_d.detach(),
            "health.accuracy": accuracy(on_real, on_fake, threshold=self.adversarial.real_threshold),
        }

    def _on_real(self, batch: Batch) -> DiscriminatorOutput | None:
        """The output to be matched, without gradients: another pass, so only where a term asks for it."""
        if not self.adversarial.needs_real:
            return None
        with torch.no_grad():
            output: DiscriminatorOutput = self.discriminator(batch.source, batch.target)
        return output

    def _generator_step(
        self, fake: Tensor, batch: Batch, update: Update, others: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        terms = {}
        if self.adversarial.is_on:
            terms["adversarial"] = self.adversarial.generator_loss(
                self.discriminator(batch.source, fake), self._on_real(batch)
            )
        if self.reconstruction.is_on:
            terms["reconstruction"] = self.reconstruction(fake, batch.target)
        if terms:
            update({**others, "generator": torch.stack(list(terms.values())).sum()})
        return {name: value.detach() for name, value in terms.items()}


@torch.no_grad()
def without_biases(networks: Iterable[nn.Module]) -> None:
    """Set the biases of all convolutions to 0."""
    for layer in (layer for network in networks for layer in network.modules()):
        if isinstance(layer, nn.modules.conv._ConvNd) and layer.bias is not None:
            layer.bias.zero_()


def detach(output: DiscriminatorOutput) -> DiscriminatorOutput:
    """The same output, through which no gradient flows."""
    return DiscriminatorOutput(
        logits=[x.detach() for x in output.logits],
        features=[[x.detach() for x in scale] for scale in output.features],
    )


@torch.no_grad()
def accuracy(on_real: DiscriminatorOutput, on_fake: DiscriminatorOutput, *, threshold: float) -> Tensor:
    """The share of patches that the discriminator tells right, a scalar in [0, 1]; 0.5 is guessing.

    A patch above `threshold` is called real. Real and fake patches count alike, and so do the scales.
    """
    right = [(logits > threshold).float().mean() for logits in on_real.logits]
    right += [(logits <= threshold).float().mean() for logits in on_fake.logits]
    return torch.stack(right).mean()
