"""One training step of CycleGAN, and translation in both directions."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from imtrans import InferenceOptions
from imtrans.errors import ConfigError
from imtrans.interfaces import Batch, Context, DataSpec, DiscriminatorAugmentation, DiscriminatorOutput, Update
from imtrans.kit.bases import GeneratorMethod
from imtrans.kit.loss_terms import AdversarialTerms, Terms, accuracy
from imtrans.kit.nn import ImagePool
from imtrans.kit.training.augmented_discriminator import AugmentedDiscriminator

SIDES = ("source", "target")


class CycleGAN(GeneratorMethod):
    """min over G and F, max over D of both adversarial losses + cycle + identity (Zhu et al. 2017, equations 3 and 5).

    G translates sources to targets, F back. First both generators learn, then both discriminators, from the
    translations that the generators made before they learned, or from older ones (`pool_size`).
    """

    def __init__(
        self,
        *,
        generator: nn.Module,
        backward_generator: nn.Module,
        discriminator: nn.Module,
        backward_discriminator: nn.Module,
        adversarial: AdversarialTerms,
        cycle: Terms,
        identity: Terms,
        discriminator_augmentation: Sequence[DiscriminatorAugmentation] | None = None,
        policy: InferenceOptions | None = None,
        pool_size: int = 50,
        context: Context | None = None,
    ) -> None:
        self.generator, self.backward_generator = generator, backward_generator
        self.discriminators = {"target": discriminator, "source": backward_discriminator}
        self.networks = {
            "generator": generator,
            "backward_generator": backward_generator,
            "discriminator": discriminator,
            "backward_discriminator": backward_discriminator,
        }
        self.adversarial, self.cycle, self.identity = adversarial, cycle, identity
        self.policy = policy or InferenceOptions(dropout=False)
        # An augmentation each: how much a discriminator needs follows from the pictures of its own side.
        spec = context.data_spec if context else DataSpec()
        parts = {"target": (spec.target, "discriminator"), "source": (spec.source, "backward_discriminator")}
        self.judges = {
            side: AugmentedDiscriminator(self.discriminators[side], discriminator_augmentation, spec=spec, label=label)
            for side, (spec, label) in parts.items()
        }
        # A stream each: with the same draws both pools would swap at the same steps.
        self.pools = {side: ImagePool(pool_size, stream=f"image-pool-{side}") for side in SIDES}

    def train_step(self, batch: Batch, update: Update, *, step: int) -> dict[str, Tensor]:
        """One step; returns the weighted losses, and the discriminators' accuracy."""
        for judge in self.judges.values():
            judge.begin(step)
        fakes = {"target": self.generator(batch.source), "source": self.backward_generator(batch.target)}
        terms = self.generator_terms(fakes, batch)
        update({"generator": sum(terms.values(), start=batch.source.new_zeros(()))})
        logs = {name: value.detach() for name, value in terms.items()}
        return {**logs, **self.update_discriminators(fakes, batch, update)} if self.adversarial.is_on else logs

    def generator_terms(self, fakes: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """The weighted terms of the generators' loss that are on, by name; each is the sum of both directions."""
        terms = {}
        if self.adversarial.is_on:
            verdicts = [self.judges[side](None, fakes[side], batch.draws, role="generator") for side in SIDES]
            terms["adversarial"] = _sum(self.adversarial.generator_loss(v) for v in verdicts)
        if self.cycle.is_on:
            back = self.backward_generator(fakes["target"]), self.generator(fakes["source"])
            terms["cycle"] = self.cycle(back[0], batch.source) + self.cycle(back[1], batch.target)
        if self.identity.is_on:
            same = self.generator(batch.target), self.backward_generator(batch.source)
            terms["identity"] = self.identity(same[0], batch.target) + self.identity(same[1], batch.source)
        return terms

    def update_discriminators(self, fakes: Mapping[str, Tensor], batch: Batch, update: Update) -> dict[str, Tensor]:
        """One update of both, each on its real pictures and on translations from its pool."""
        reals = {"source": batch.source, "target": batch.target}
        outputs = [self._judged(side, reals[side], fakes[side], batch.draws) for side in SIDES]
        # Half of the sum of real and fake, for each of the two (the authors' code).
        loss = _sum(self.adversarial.discriminator_loss(*pair) / 2 for pair in outputs)
        update({"discriminator": loss})
        right = _sum(accuracy(*pair, threshold=self.adversarial.real_threshold) for pair in outputs) / len(outputs)
        logs = {"discriminator": loss.detach(), "health.accuracy": right}
        return logs | {k: v for judge in self.judges.values() for k, v in judge.health(loss.device).items()}

    def _judged(
        self, side: str, real: Tensor, fake: Tensor, draws: Tensor
    ) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
        judge, stored = self.judges[side], self.pools[side](fake, draws)
        on_real, on_fake = judge(None, real, draws, role="real"), judge(None, stored, draws, role="fake")
        judge.observe(on_real, threshold=self.adversarial.real_threshold)
        return on_real, on_fake

    def reversed(self) -> "CycleGAN":
        """The same networks, that translate targets to sources."""
        turned = CycleGAN(
            generator=self.backward_generator,
            backward_generator=self.generator,
            discriminator=self.discriminators["source"],
            backward_discriminator=self.discriminators["target"],
            adversarial=self.adversarial,
            cycle=self.cycle,
            identity=self.identity,
            policy=self.policy,
            pool_size=0,
        )
        turned.networks = self.networks
        return turned

    def state_dict(self) -> dict[str, Any]:
        """The translations in both pools, and the state of the augmentations of the discriminators."""
        pools = {k: v for side, pool in self.pools.items() for k, v in pool.state_dict(side).items()}
        return pools | {k: v for judge in self.judges.values() for k, v in judge.state_dict().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what `state_dict` gave."""
        for side, pool in self.pools.items():
            pool.load_state_dict(state, side)
        for judge in self.judges.values():
            judge.load_state_dict(state)


def cyclegan(*, context: Context, identity: Terms, **parts: Any) -> CycleGAN:
    """The method. ConfigError for an identity term where a picture of one kind is no input of the other's generator."""
    channels = context.data_spec.source.num_channels, context.data_spec.target.num_channels
    if identity.is_on and channels[0] != channels[1]:
        raise ConfigError(
            f"identity: sources have {channels[0]} channels and targets {channels[1]}, so neither generator can be "
            "given a picture of its own kind",
            hint="Leave the term out: --set identity.weight=0",
        )
    return CycleGAN(identity=identity, context=context, **parts)


def _sum(values: Any) -> Tensor:
    first, *others = values
    total: Tensor = sum(others, start=first)
    return total
