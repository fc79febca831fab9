"""ADA (Karras et al. 2020, "Training generative adversarial networks with limited data")."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from imtrans.errors import ShapeError
from imtrans.interfaces import DiscriminatorOutput, ImageSpec
from imtrans.kit.bases import BaseDiscriminatorAugmentation
from imtrans.kit.random import uniform
from imtrans.kit.training.distributed import sum_over_processes
from imtrans_discriminator_augmentation import affine, colors
from imtrans_discriminator_augmentation.bands import Bands, bands

KEY = "discriminator_augmentation.ada.pipeline"
CHANCES = affine.CHANCES + colors.CHANCES
NUMBERS = affine.BLIT + affine.GEOMETRY + colors.NUMBERS
TURNS = (4, 6)  # the two turns: together they are as likely as every other change


class AdaptiveProbability:
    """The probability p of each change, steered by r, the mean sign of D(real): the more it overfits, the higher.

    After every `interval` steps p rises where r is above `target`, and else falls, by pictures seen / `kimg` thousand.
    """

    def __init__(self, *, target: float, kimg: float, interval: int, limit: float, start: float) -> None:
        self.target, self.kimg, self.interval, self.limit = target, kimg, interval, limit
        self.p, self.r = min(start, limit), 0.0
        self.step, self.steps = -1, 0
        self.seen: Tensor | None = None  # the sum of the signs, and the pictures that it is of

    def begin(self, step: int) -> None:
        """Adjust p where an interval is over. The parts of one step are one minibatch."""
        if step == self.step:
            return
        if self.steps == self.interval:
            self.adjust()
        self.step, self.steps = step, self.steps + 1

    def observe(self, on_real: DiscriminatorOutput, *, threshold: float) -> None:
        """Take D's logits on real pictures: of each the mean sign over its patches, then over the scales."""
        signs = [(logits.detach().float() - threshold).sign().flatten(1).mean(1) for logits in on_real.logits]
        of_picture = torch.stack(signs).mean(0)
        added = torch.stack([of_picture.sum(), of_picture.new_tensor(len(of_picture))])
        self.seen = added if self.seen is None else self.seen + added

    def adjust(self) -> None:
        """One change of p, the same in all processes: by the pictures that all have seen."""
        self.steps = 0
        if self.seen is None:
            return
        total, count = sum_over_processes(self.seen).tolist()
        self.seen = None
        self.r = total / count
        change = math.copysign(count / (self.kimg * 1000), self.r - self.target) if self.r != self.target else 0
        self.p = min(max(self.p + change, 0.0), self.limit)

    def state_dict(self) -> dict[str, Any]:
        """Everything that a change of p depends on."""
        state = {"p": self.p, "r": self.r, "step": self.step, "steps": self.steps}
        return state if self.seen is None else {**state, "seen": self.seen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what `state_dict` gave."""
        self.p, self.r = float(state["p"]), float(state["r"])
        self.step, self.steps, self.seen = int(state["step"]), int(state["steps"]), state.get("seen")


class ADA(BaseDiscriminatorAugmentation):
    """The paper's changes "bgc", each with the probability p: geometry of image and source alike, colours of the image.

    Sampling is bilinear, without the paper's filter against aliasing.
    """

    def __init__(self, *, pipeline: Sequence[str], **steering: Any) -> None:
        self.pipeline, self.chance = pipeline, AdaptiveProbability(**steering)
        self.bands: Bands = "rgb"

    def copy_for(self, spec: ImageSpec) -> Self:
        """One for such images, with a probability of its own. ConfigError where they have no colours to change."""
        made = super().copy_for(spec)
        if "color" in self.pipeline:
            made.bands = bands(spec, key=KEY, others='["blit", "geometry"]')
        return made

    def __call__(
        self, source: Tensor | None, image: Tensor, draws: Tensor, *, stream: str
    ) -> tuple[Tensor | None, Tensor]:
        """Both (B, C, H, W), of one size; values may leave [-1, 1]. ShapeError for other than two dimensions."""
        if image.dim() != 4:
            raise ShapeError(f"ada: turns pictures, and these have {image.dim() - 2} dimensions, not 2")
        if not self.chance.p:
            return source, image
        drawn = uniform(draws, CHANCES + NUMBERS, stream=f"ada.{stream}")
        is_on, numbers = drawn[:, :CHANCES] < self._chances(), drawn[:, CHANCES:]
        source, image = self._moved(source, image, is_on[:, : affine.CHANCES], numbers)
        if "color" in self.pipeline:
            numbers = numbers[:, affine.BLIT + affine.GEOMETRY :]
            image = colors.recoloured(image, numbers, is_on[:, affine.CHANCES :], of=self.bands)
        return source, image

    def _moved(
        self, source: Tensor | None, image: Tensor, is_on: Tensor, numbers: Tensor
    ) -> tuple[Tensor | None, Tensor]:
        size, maps = image.shape[2:], affine.IDENTITY.expand(len(image), 3, 3)
        if "blit" in self.pipeline:
            maps = affine.blit(numbers[:, : affine.BLIT], is_on[:, :3], size) @ maps
        if "geometry" in self.pipeline:
            numbers = numbers[:, affine.BLIT : affine.BLIT + affine.GEOMETRY]
            maps = affine.geometry(numbers, is_on[:, 3:], size) @ maps
        if source is None:
            return None, affine.warped(image, maps)
        # In one pass: the map of a sample is the same for all its channels.
        both = affine.warped(torch.cat([source, image], 1), maps)
        return both[:, : source.shape[1]], both[:, source.shape[1] :]

    def _chances(self) -> Tensor:
        """(13,): p for each change. The two turns share it: one of them at least comes with probability p."""
        chances = torch.full((CHANCES,), self.chance.p, dtype=torch.float64)
        chances[list(TURNS)] = 1 - math.sqrt(1 - self.chance.p)
        return chances

    def begin(self, step: int) -> None:
        """Adjust the probability where an interval is over."""
        self.chance.begin(step)

    def observe(self, on_real: DiscriminatorOutput, *, threshold: float) -> None:
        """Take how surely the discriminator recognises real pictures."""
        self.chance.observe(on_real, threshold=threshold)

    def values(self) -> dict[str, float]:
        """The probability, and the measure of overfitting that it was last adjusted by."""
        return {"augment_p": self.chance.p, "augment_r": self.chance.r}

    def state_dict(self) -> dict[str, Any]:
        """The state of the probability."""
        return self.chance.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what `state_dict` gave."""
        self.chance.load_state_dict(state)
