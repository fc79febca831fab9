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
from imtrans.kit.training.distributed import sum_over_processes
from imtrans_registration.flow import roughness, warped

SHARE = 0.01  # of a step in the mean shift: that of about a hundred steps


class RegGAN(GeneratorMethod):
    """min over G and R, max over D of GAN(G, D) + distance(warp(G(x), R(G(x), y)), y) + smoothness of R's shifts.

    (Kong et al. 2021, equations 5 to 8.) R takes up how a target lies off its source, so that G is compared where
    things are. R is not needed to translate. First G and R learn together, then D.

    `is_centred`: the shifts are taken less their running mean over the training, which the paper does not. What all
    pairs share is then left to G to learn; otherwise G and R can agree on any offset, which stays in the translations.
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
        centred: bool = True,
        context: Context,
    ) -> None:
        self.generator, self.discriminator, self.registration = generator, discriminator, registration
        self.networks = {"generator": generator, "discriminator": discriminator, "registration": registration}
        self.adversarial, self.reconstruction = adversarial, reconstruction
        self.policy, self.smoothness = policy or InferenceOptions(dropout=False), smoothness
        self.is_centred, self.mean_shift = centred, torch.zeros(2)
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
            moved = warped(fake, self._centred(shifts))
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
        """The mean shift so far, and the state of the augmentations of the discriminator."""
        return {**self.judge.state_dict(), "mean_shift": self.mean_shift}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what `state_dict` gave."""
        self.judge.load_state_dict(state)
        self.mean_shift = state["mean_shift"].to(self.mean_shift)

    @torch.no_grad()
    def _tracked(self, shifts: Tensor) -> Tensor:
        count = sum_over_processes(shifts.new_tensor([float(len(shifts))]))
        mean = sum_over_processes(shifts.float().mean((2, 3)).sum(0)) / count
        self.mean_shift = self.mean_shift.to(mean).lerp(mean, SHARE)
        return self.mean_shift

    def _centred(self, shifts: Tensor) -> Tensor:
        return shifts - self._tracked(shifts).view(1, 2, 1, 1).to(shifts) if self.is_centred else shifts
