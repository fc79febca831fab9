"""A discriminator that sees its images augmented: how methods use the slot `discriminator_augmentation`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from imtrans.interfaces import Batch, Discriminator, DiscriminatorAugmentation, DiscriminatorOutput, ImageSpec
from imtrans.kit.report.metric_history import HEALTH
from imtrans.kit.training.precision import full_precision

# Of whose update a pass is: the discriminator's own, on real or on generated images, or the generator's.
Role = Literal["real", "fake", "generator"]


class AugmentedDiscriminator:
    """A discriminator that is shown what the augmentations make of its images, one after the other.

    Real and generated images of its own update are drawn apart, as the papers do. In the generator's update all images
    are drawn alike: what compares features of a real and a generated one must see the same change of both. Without
    augmentations every call is the discriminator's own. `label` tells the discriminators of one method apart, and is
    part of the names in log and checkpoint; `spec` is what the images are that it judges.
    """

    def __init__(
        self,
        discriminator: Discriminator,
        augmentations: Sequence[DiscriminatorAugmentation] | None = None,
        *,
        spec: ImageSpec | None = None,
        label: str = "",
    ) -> None:
        self.discriminator, self.label = discriminator, label
        self.augmentations = [each.copy_for(spec or ImageSpec()) for each in augmentations or ()]

    def __call__(self, source: Tensor | None, image: Tensor, draws: Tensor, *, role: Role) -> DiscriminatorOutput:
        """What it says of an image (B, C, *spatial), given its source or None; `draws` as in a Batch."""
        return self.discriminator(*self.augmented(source, image, draws, role=role))

    def augmented(
        self, source: Tensor | None, image: Tensor, draws: Tensor, *, role: Role
    ) -> tuple[Tensor | None, Tensor]:
        """Source and image as it sees them; in float32 at least, whatever the precision of the run."""
        if not self.augmentations:
            return source, image
        with full_precision(image.device.type):
            source, image = source if source is None else _at_least_float32(source), _at_least_float32(image)
            for each in self.augmentations:
                source, image = each(source, image, draws, stream=f"{self.label}.{role}")
        return source, image

    @torch.no_grad()
    def seen(self, batch: Batch, fake: Tensor) -> tuple[Batch, Tensor]:
        """The real images that it saw in its own update, and the generated ones changed alike: for penalties.

        A slope counts where the discriminator looks. `valid` and the extras do not move, and are left out.
        """
        if not self.augmentations:
            return batch, fake
        source, target = self.augmented(batch.source, batch.target, batch.draws, role="real")
        _, fake = self.augmented(batch.source, fake, batch.draws, role="real")
        assert source is not None
        return replace(batch, source=source, target=target, valid=None, extras={}), fake

    def begin(self, step: int) -> None:
        """Tell the augmentations that a step begins; to be called first in `train_step`."""
        for each in self.augmentations:
            each.begin(step)

    def observe(self, on_real: DiscriminatorOutput, *, threshold: float) -> None:
        """Tell them once in a step what came of the real images of the discriminator's update."""
        for each in self.augmentations:
            each.observe(on_real, threshold=threshold)

    def health(self, device: torch.device) -> dict[str, Tensor]:
        """Their numbers for the log, scalars on the device by names such as "health.augment_p"."""
        end = f".{self.label}" if self.label else ""
        numbers = {name: value for each in self.augmentations for name, value in each.values().items()}
        return {f"{HEALTH}{name}{end}": torch.tensor(value, device=device) for name, value in numbers.items()}

    def state_dict(self) -> dict[str, Any]:
        """The state of the augmentations, by names that are those of this discriminator alone."""
        parts = enumerate(self.augmentations)
        return {f"{self._prefix(i)}{key}": value for i, each in parts for key, value in each.state_dict().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what `state_dict` gave, among other values; what a checkpoint does not have stays as it is."""
        for number, each in enumerate(self.augmentations):
            prefix = self._prefix(number)
            own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            if own:
                each.load_state_dict(own)

    def _prefix(self, number: int) -> str:
        return f"augmentation.{self.label}.{number}."


def _at_least_float32(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()
