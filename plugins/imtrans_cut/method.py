"""One training step of CUT and FastCUT."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from imtrans import InferenceOptions
from imtrans.errors import ConfigError, PluginError
from imtrans.interfaces import Batch, Context, DiscriminatorAugmentation, Update
from imtrans.kit.bases import GeneratorMethod
from imtrans.kit.loss_terms import AdversarialTerms, accuracy
from imtrans.kit.nn import inference
from imtrans.kit.random import uniform
from imtrans.kit.training.augmented_discriminator import AugmentedDiscriminator
from imtrans_cut.patches import PatchMLP, patch_nce, places, taken


class CUT(GeneratorMethod):
    """min over G and H, max over D of the adversarial loss + contrast of patches (Park et al. 2020, equation 5).

    First D learns, then the generator together with the network that its features go through. A generator must have
    `features(source)`: the maps, finest first, whose patches are compared; the built-in `resnet6` and `resnet9` do.
    """

    def __init__(
        self,
        *,
        generator: nn.Module,
        discriminator: nn.Module,
        patch_network: PatchMLP,
        adversarial: AdversarialTerms,
        discriminator_augmentation: Sequence[DiscriminatorAugmentation] | None = None,
        policy: InferenceOptions | None = None,
        nce_weight: float,
        identity: bool,
        flips: bool,
        patches: int,
        temperature: float,
        context: Context,
    ) -> None:
        self.generator, self.discriminator, self.patch_network = generator, discriminator, patch_network
        self.networks = {"generator": generator, "discriminator": discriminator, "patch_network": patch_network}
        self.adversarial, self.policy = adversarial, policy or InferenceOptions(dropout=False)
        spec = context.data_spec.target
        self.judge = AugmentedDiscriminator(discriminator, discriminator_augmentation, spec=spec)
        self.nce_weight, self.has_identity, self.has_flips = nce_weight, identity, flips
        self.patches, self.temperature = patches, temperature
        if not patch_network.layers:
            patch_network.build(self._feature_channels(context))

    def train_step(self, batch: Batch, update: Update, *, step: int) -> dict[str, Tensor]:
        """One step; returns the weighted losses, and the discriminator's accuracy."""
        self.judge.begin(step)
        is_flipped = uniform(batch.draws, 1, stream="cut-flip")[:, 0] < 0.5 if self.has_flips else None
        fake, same = self._translations(batch, is_flipped)
        logs = self.update_discriminator(fake, batch, update) if self.adversarial.is_on else {}
        terms = self.generator_terms(fake, same, batch, is_flipped)
        update({"generator": torch.stack(list(terms.values())).sum()})
        return {**logs, **{name: value.detach() for name, value in terms.items()}}

    def update_discriminator(self, fake: Tensor, batch: Batch, update: Update) -> dict[str, Tensor]:
        """One update of D on real and translated pictures, with half of the sum as its loss."""
        on_real = self.judge(None, batch.target, batch.draws, role="real")
        on_fake = self.judge(None, fake.detach(), batch.draws, role="fake")
        self.judge.observe(on_real, threshold=self.adversarial.real_threshold)
        loss = self.adversarial.discriminator_loss(on_real, on_fake) / 2
        update({"discriminator": loss})
        right = accuracy(on_real, on_fake, threshold=self.adversarial.real_threshold)
        return {"discriminator": loss.detach(), "health.accuracy": right, **self.judge.health(fake.device)}

    def generator_terms(
        self, fake: Tensor, same: Tensor | None, batch: Batch, is_flipped: Tensor | None
    ) -> dict[str, Tensor]:
        """The weighted terms of the generator's loss, by name."""
        terms = {}
        if self.adversarial.is_on:
            on_fake = self.judge(None, fake, batch.draws, role="generator")
            terms["adversarial"] = self.adversarial.generator_loss(on_fake)
        contrasts = [self.contrast(batch.source, fake, batch.draws, is_flipped)]
        if same is not None:
            contrasts.append(self.contrast(batch.target, same, batch.draws, is_flipped))
        terms["patch_nce"] = self.nce_weight * torch.stack(contrasts).mean()
        return terms

    def contrast(self, picture: Tensor, translated: Tensor, draws: Tensor, is_flipped: Tensor | None) -> Tensor:
        """How badly patches of a translation find their own among those of its picture: a mean over the layers."""
        queries = [_mirrored(each, is_flipped) for each in self._features(translated)]
        with torch.no_grad():
            keys = self._features(picture)
        sizes = [each.shape[2] * each.shape[3] for each in queries]
        at = [places(draws, size, self.patches, layer=layer) for layer, size in enumerate(sizes)]
        described = [
            self.patch_network([taken(each, where) for each, where in zip(maps, at, strict=True)])
            for maps in (queries, keys)
        ]
        losses = [patch_nce(q, k, temperature=self.temperature) for q, k in zip(*described, strict=True)]
        return torch.stack(losses).mean()

    def state_dict(self) -> dict[str, Any]:
        """The state of the augmentations of the discriminator."""
        return self.judge.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what `state_dict` gave."""
        self.judge.load_state_dict(state)

    def _translations(self, batch: Batch, is_flipped: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Of the sources, and with the identity term of the targets, in one pass."""
        source = _mirrored(batch.source, is_flipped)
        if not self.has_identity:
            return self.generator(source), None
        both = self.generator(torch.cat([source, _mirrored(batch.target, is_flipped)]))
        return both[: len(source)], both[len(source) :]

    def _features(self, picture: Tensor) -> list[Tensor]:
        features: list[Tensor] = self.generator.features(picture)  # type: ignore[operator]
        return features

    def _feature_channels(self, context: Context) -> list[int]:
        """The channels of the generator's maps, found by a pass; errors for generators that do not fit."""
        spec, name = context.data_spec, type(self.generator).__name__
        if not callable(getattr(self.generator, "features", None)):
            raise PluginError(
                f"method 'cut': generator {name} has no features(source), whose patches it compares",
                hint="Take one that has: --set generator=resnet9",
            )
        if spec.source.num_channels != spec.target.num_channels:
            raise ConfigError(
                f"method 'cut': sources have {spec.source.num_channels} channels and targets "
                f"{spec.target.num_channels}; it gives both to the generator",
                hint="Use pictures of the same kind, or imtrans run cyclegan.",
            )
        parameter = next(self.generator.parameters())
        with inference([self.generator], norm="running", dropout=False):
            blank = torch.zeros(1, spec.source.num_channels, 64, 64, device=parameter.device, dtype=parameter.dtype)
            return [each.shape[1] for each in self._features(blank)]


def _mirrored(x: Tensor, is_flipped: Tensor | None) -> Tensor:
    """(B, C, H, W), those samples from left to right that are to be."""
    if is_flipped is None:
        return x
    return torch.where(is_flipped.to(x.device).view(-1, 1, 1, 1), x.flip(3), x)
