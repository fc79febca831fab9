"""DiffAugment (Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN training").

The formulas are those of the authors' code. kornia has none of them: its saturation and contrast take weighted greys
and clamp, its translation interpolates, and its random erasing has another law.
"""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from imtrans.interfaces import ImageSpec
from imtrans.kit.bases import BaseDiscriminatorAugmentation
from imtrans.kit.random import uniform
from imtrans_discriminator_augmentation.bands import Bands, bands

KEY = "discriminator_augmentation.diffaugment.policy"
COLORS, AXES = 3, 3  # numbers of a sample: for its colours, and for the axes of its translation and of its cut


class DiffAugment(BaseDiscriminatorAugmentation):
    """Brightness, saturation and contrast of the image; translation and cutout of image and source alike."""

    def __init__(self, *, policy: Sequence[str], translation: float, cutout: float) -> None:
        self.policy, self.translation, self.cutout = policy, translation, cutout
        self.bands: Bands = "rgb"

    def copy_for(self, spec: ImageSpec) -> Self:
        """One for such images. ConfigError where they have no colours and the policy changes them."""
        made = super().copy_for(spec)
        if "color" in self.policy:
            made.bands = bands(spec, key=KEY, others='["translation", "cutout"]')
        return made

    def __call__(
        self, source: Tensor | None, image: Tensor, draws: Tensor, *, stream: str
    ) -> tuple[Tensor | None, Tensor]:
        """Both (B, C, *spatial), of up to three spatial dimensions; values may leave [-1, 1], as in the paper."""
        numbers = uniform(draws, COLORS + 2 * AXES, stream=f"diffaugment.{stream}")
        size = image.shape[2:]
        if "color" in self.policy:
            image = recoloured(image, numbers[:, :COLORS], of=self.bands)
        if "translation" in self.policy:
            moves = shifts(numbers[:, COLORS : COLORS + len(size)], size, share=self.translation)
            source, image = source if source is None else shifted(source, moves), shifted(image, moves)
        if "cutout" in self.policy:
            kept = outside(numbers[:, COLORS + AXES : COLORS + AXES + len(size)], size, share=self.cutout).to(image)
            source, image = source if source is None else source * kept, image * kept
        return source, image


def recoloured(image: Tensor, numbers: Tensor, *, of: Bands) -> Tensor:
    """(B, C, *spatial) by numbers (B, 3) in [0, 1): brightness up to 0.5 off, saturation times 0 to 2, contrast 0.5 to
    1.5.

    The centre of a saturation is the pixel's mean over the channels, which must be colours of one kind; that of a
    contrast is the mean of the image.
    """
    brightness, saturation, contrast = (n.view(-1, *[1] * (image.dim() - 1)) for n in numbers.to(image).unbind(1))
    image = image + (brightness - 0.5)
    if of == "rgb":
        mean = image.mean(1, keepdim=True)
        image = (image - mean) * (2 * saturation) + mean
    mean = image.flatten(1).mean(1).view_as(brightness)
    return (image - mean) * (contrast + 0.5) + mean


def shifts(numbers: Tensor, size: Sequence[int], *, share: float) -> Tensor:
    """Whole pixels (B, axes) for numbers in [0, 1): all from -share to share of each side are equally likely."""
    largest = torch.tensor([int(n * share + 0.5) for n in size])
    return (numbers * (2 * largest + 1)).floor().long() - largest


def shifted(x: Tensor, moves: Tensor) -> Tensor:
    """Each sample moved by so many pixels along each axis; what comes in from outside is 0."""
    # A negative border cuts off what a positive one on the other side has moved out.
    borders = [[n for move in reversed(one) for n in (move, -move)] for one in moves.tolist()]
    return torch.stack([pad(each, border) for each, border in zip(x, borders, strict=True)])


def outside(numbers: Tensor, size: Sequence[int], *, share: float) -> Tensor:
    """(B, 1, *size): 0 in a box with sides of this share, 1 elsewhere. Its centre is anywhere, so that it may be cut.

    All places are equally likely, for numbers (B, axes) in [0, 1).
    """
    inside = torch.ones(1, 1, *[1] * len(size), dtype=torch.bool)
    for axis, (length, number) in enumerate(zip(size, numbers.unbind(1), strict=True)):
        side = int(length * share + 0.5)
        first = (number * (length + 1 - side % 2)).floor().long()[:, None] - side // 2
        places = torch.arange(length)
        along = (places >= first) & (places < first + side)
        inside = inside & along.view(-1, 1, *[length if a == axis else 1 for a in range(len(size))])
    return ~inside
