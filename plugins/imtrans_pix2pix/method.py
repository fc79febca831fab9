"""One training step of pix2pix, in the three orders that the field uses."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from imtrans import InferenceOptions
from imtrans.errors import ConfigError
from imtrans.interfaces import Batch, Context, DiscriminatorAugmentation, DiscriminatorOutput, Update
from imtrans.kit.bases import GeneratorMethod
from imtrans.kit.loss_terms import AdversarialTerms, Terms, accuracy
from imtrans.kit.training.augmented_discriminator import AugmentedDiscriminator, Role


class ConditionalGAN(GeneratorMethod):
    """min over G, max over D of cGAN(G, D) + weighted distances (Isola et al. 2017, equations 1 to 4).

    A weight of 0 switches a term off: `adversarial.weight=0` gives the paper's L1 (the discriminator is not trained),
    `reconstruction.weight=0` its cGAN; `discriminator.conditional=false` makes GAN of cGAN.
    """

    def __init__(
        self,
        *,
        generator: nn.Module,
        discriminator: nn.Module,
        adversarial: AdversarialTerms,
        reconstruction: Terms,
        penalty: Terms | None = None,
        discriminator_augmentation: Sequence[DiscriminatorAugmentation] | None = None,
        policy: InferenceOptions | None = None,
        discriminator_scale: float = 0.5,
        zero_biases: bool = False,
        context: Context | None = None,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.networks = {"generator": generator, "discriminator": discriminator}
        self.adversarial, self.reconstruction, self.penalty = adversarial, reconstruction, penalty or Terms([])
        self.policy = policy or InferenceOptions()
        spec = context.data_spec.target if context else None
        self.judge = AugmentedDiscriminator(discriminator, discriminator_augmentation, spec=spec)
        self.discriminator_scale, self.zero_biases = discriminator_scale, zero_biases

    @property
    def is_capturable(self) -> bool:
        """Whether a step does the same for any two batches, and looks at no value: then it can be one CUDA graph."""
        # A method that is derived from these may do otherwise.
        return type(self) in VARIANTS.values() and not self.judge.augmentations and not self.penalty.is_on

    def train_step(self, batch: Batch, update: Update, *, step: int) -> dict[str, Tensor]:
        """One step; returns the weighted losses, and the discriminator's accuracy."""
        self.judge.begin(step)
        # The authors' Torch code does this in both closures of a step (fDx and fGx in train.lua), before the pass.
        if self.zero_biases:
            without_biases(self.networks.values())
        fake = self.generator(batch.source)  # one pass for both updates
        if batch.valid is not None:  # targets are 0 there as well: neither the losses nor D see such pixels
            fake = fake * batch.valid
        if not self.adversarial.is_on:
            return self.update_generator(fake, batch, update)
        return {**self.update_both(fake, batch, update), **self.judge.health(fake.device)}

    def update_both(self, fake: Tensor, batch: Batch, update: Update) -> dict[str, Tensor]:
        """First D, then G against the D that has just learned, as in the paper (section 3.3)."""
        logs = self.update_discriminator(fake, batch, update)
        return {**logs, **self.update_generator(fake, batch, update)}

    def update_discriminator(self, fake: Tensor, batch: Batch, update: Update) -> dict[str, Tensor]:
        """One update of D on the real and the fake image together."""
        loss_d, logs = self.discriminator_loss(fake, batch)
        update({"discriminator": loss_d})
        return logs

    def update_generator(self, fake: Tensor, batch: Batch, update: Update) -> dict[str, Tensor]:
        """One update of G; none where all weights are 0."""
        terms = self.generator_terms(fake, batch)
        if terms:
            loss_g = _sum(terms)
            update({"generator": loss_g})
        return _detached(terms)

    def discriminator_loss(self, fake: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The scaled loss of D(x, y) and D(x, G(x)), and what to log. `fake` is detached: G gets no gradient."""
        on_real = self.judge(batch.source, batch.target, batch.draws, role="real")
        on_fake = self.judge(batch.source, fake.detach(), batch.draws, role="fake")
        self.judge.observe(on_real, threshold=self.adversarial.real_threshold)
        return self._penalised(fake, batch, self._scaled_loss(on_real, on_fake))

    def generator_terms(self, fake: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The weighted terms of G's loss that are on, by name: "adversarial" and "reconstruction", scalars."""
        terms = {}
        if self.adversarial.is_on:
            # Another pass of D: here G gets a gradient, and D may have been updated since its own pass.
            on_fake = self.judge(batch.source, fake, batch.draws, role="generator")
            on_real = self._output_on_real(batch, role="generator") if self.adversarial.needs_real else None
            terms["adversarial"] = self.adversarial.generator_loss(on_fake, on_real)
        if self.reconstruction.is_on:
            terms["reconstruction"] = self.reconstruction(fake, batch.target)
        return terms

    def _scaled_loss(
        self, on_real: DiscriminatorOutput, on_fake: DiscriminatorOutput
    ) -> tuple[Tensor, dict[str, Tensor]]:
        loss_d = self.adversarial.discriminator_loss(on_real, on_fake) * self.discriminator_scale
        right = accuracy(on_real, on_fake, threshold=self.adversarial.real_threshold)
        return loss_d, {"discriminator": loss_d.detach(), "health.accuracy": right}

    def _penalised(
        self, fake: Tensor, batch: Batch, loss_and_logs: tuple[Tensor, dict[str, Tensor]]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The same with the penalties of D's slope, which no scale halves: their weights are those of their papers."""
        if not self.penalty.is_on:
            return loss_and_logs
        (loss_d, logs), seen = loss_and_logs, self.judge.seen(batch, fake.detach())
        penalty = self.penalty(self.discriminator, *seen)
        return loss_d + penalty, {**logs, "penalty": penalty.detach()}

    # A pass without gradients: the output is only compared with, and D must not learn from it.
    @torch.no_grad()
    def _output_on_real(self, batch: Batch, *, role: Role) -> DiscriminatorOutput:
        return self.judge(batch.source, batch.target, batch.draws, role=role)

    def state_dict(self) -> dict[str, Any]:
        """The state of the augmentations of the discriminator."""
        return self.judge.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what `state_dict` gave."""
        self.judge.load_state_dict(state)


class GeneratorFirst(ConditionalGAN):
    """First G against the D of the step before, then D."""

    def update_both(self, fake: Tensor, batch: Batch, update: Update) -> dict[str, Tensor]:
        """G, then D on the image from before the update of G."""
        logs = self.update_generator(fake, batch, update)
        return {**self.update_discriminator(fake, batch, update), **logs}


class Simultaneous(ConditionalGAN):
    """Both gradients before either update, as in TensorFlow's tutorial."""

    def update_both(self, fake: Tensor, batch: Batch, update: Update) -> dict[str, Tensor]:
        """One call of `update` with both losses."""
        loss_d, logs = self.discriminator_loss(fake, batch)
        terms = self.generator_terms(fake, batch)
        loss_g = _sum(terms)
        update({"discriminator": loss_d, "generator": loss_g})
        return {**logs, **_detached(terms)}


class SeparateUpdates(ConditionalGAN):
    """D is updated on the fake image, and then, with its new weights, on the real one."""

    def update_discriminator(self, fake: Tensor, batch: Batch, update: Update) -> dict[str, Tensor]:
        """Two updates. Each time the other output is detached: it adds to the loss, but no gradient."""
        # The fake goes first, as in the project that the recipe pencil2color follows.
        on_fake = self.judge(batch.source, fake.detach(), batch.draws, role="fake")
        loss_d, _ = self._scaled_loss(self._output_on_real(batch, role="real"), on_fake)
        update({"discriminator": loss_d})
        on_real = self.judge(batch.source, batch.target, batch.draws, role="real")
        self.judge.observe(on_real, threshold=self.adversarial.real_threshold)
        loss_d, logs = self._penalised(fake, batch, self._scaled_loss(on_real, detach(on_fake)))
        update({"discriminator": loss_d})
        return logs


class GeneratorFirstSeparate(GeneratorFirst, SeparateUpdates):
    """First G, then D in two updates."""


VARIANTS: Mapping[tuple[str, str], type[ConditionalGAN]] = {
    ("discriminator-first", "joint"): ConditionalGAN,
    ("discriminator-first", "separate"): SeparateUpdates,
    ("generator-first", "joint"): GeneratorFirst,
    ("generator-first", "separate"): GeneratorFirstSeparate,
    ("simultaneous", "joint"): Simultaneous,
}


def conditional_gan(*, order: str, discriminator_updates: str, **parts: Any) -> ConditionalGAN:
    """The variant that the options choose. ConfigError for separate updates in a simultaneous order."""
    variant = VARIANTS.get((order, discriminator_updates))
    if variant is None:
        raise ConfigError("method.discriminator_updates separate: a simultaneous order has one update for all")
    return variant(**parts)


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


def _sum(terms: Mapping[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()


def _detached(terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in terms.items()}
