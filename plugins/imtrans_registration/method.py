"""One training step of RegGAN."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from imtrans import InferenceOptions
from imtrans.interfaces import Batch, Context, DiscriminatorAugmentation, Update
from imtrans.kit.bases import GeneratorMethod
from imtrans.kit.loss_terms import AdversarialTerms, Terms, accuracy
from imtrans.kit.training.augmented_discriminator import AugmentedDiscriminator
from imtrans_registration.flow import roughness, warped


class RegGAN(GeneratorMethod):
    """min over G and R, max over D of GAN(G, D) + distance(warp(G(x), R(G(x), y)), y) + smoothness of R's shifts.

    (Kong et al. 2021, equations 5 to 8.) R takes up how a target lies off its source, so that G is compared where
    things are. R is not needed to translate. First G and R learn together, then D.
    """

    def __init__(
        self,
        *,
        generator: nn.Module,
        discriminator: nn.Module,
        registration: nn.Module,
        adversarial: AdversarialTerms,
        reconstruction: Terms,
        discriminator_augmentation: Sequence[DiscriminatorAugmentation] | None = None,
        policy: InferenceOptions | None = None,
        smoothness: float,
        context: Context,
    ) -> None:
        self.generator, self.discriminator, self.registration = generator, discriminator, registration
        self.networks = {"generator": generator, "discriminator": discriminator, "registration": registration}
        self.adversarial, self.reconstruction = adversarial, reconstruction
        self.policy, self.smoothness = policy or InferenceOptions(dropout=False), smoothness
        self.judge = AugmentedDiscriminator(discriminator, discriminator_augmentation, spec=context.data_spec.target)

    def train_step(self, batch: Batch, update: Update, *, step: int) -> dict[str, Tensor]:
        """One step; returns the weighted losses, and the discriminator's accuracy."""
        self.judge.begin(step)
        fake = self.generator(batch.source)
        if batch.valid is not None:  # targets are 0 there as well
            fake = fake * batch.valid
        terms = self.generator_terms(fake, batch)
        if terms:
            loss = torch.stack(list(terms.values())).sum()
            # The registration learns from the comparison alone: without it there is nothing to move.
            update({"generator": loss, **({"registration": loss} if self.reconstruction.is_on else {})})
        logs = self.update_discriminator(fake, batch, update) if self.adversarial.is_on else {}
        return {**logs, **{name: value.detach() for name, value in terms.items()}}

    def generator_terms(self, fake: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The weighted terms of the loss of generator and registration that are on, by name."""
        terms = {}
        if self.adversarial.is_on:
            on_fake = self.judge(batch.source, fake, batch.draws, role="generator")
            terms["adversarial"] = self.adversarial.generator_loss(on_fake)
        if self.reconstruction.is_on:
            shifts = self.registration(torch.cat([fake, batch.target], 1))
            moved = warped(fake, shifts)
            # Again: what is left out lies where the target has it.
            moved = moved if batch.valid is None else moved * batch.valid
            terms["reconstruction"] = self.reconstruction(moved, batch.target)
            terms["smoothness"] = self.smoothness * roughness(shifts)
        return terms

    def update_discriminator(self, fake: Tensor, batch: Batch, update: Update) -> dict[str, Tensor]:
        """One update of D on real and translated pictures, with half of the sum as its loss."""
        on_real = self.judge(batch.source, batch.target, batch.draws, role="real")
        on_fake = self.judge(batch.source, fake.detach(), batch.draws, role="fake")
        threshold = self.adversarial.real_threshold
        self.judge.observe(on_real, threshold=threshold)
        loss = self.adversarial.discriminator_loss(on_real, on_fake) / 2
        update({"discriminator": loss})
        right = accuracy(on_real, on_fake, threshold=threshold)
        return {"discriminator": loss.detach(), "health.accuracy": right, **self.judge.health(fake.device)}

    def state_dict(self) -> dict[str, Any]:
        """The state of the augmentations of the discriminator."""
        return self.judge.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what `state_dict` gave."""
        self.judge.load_state_dict(state)
