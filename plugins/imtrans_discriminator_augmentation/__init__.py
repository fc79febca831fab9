"""Augmentation of what a discriminator sees, for small data sets: DiffAugment and ADA."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class DiffAugmentOptions:
    """What DiffAugment does; defaults are the paper's strongest policy."""

    policy: tuple[Literal["color", "translation", "cutout"], ...] = option(
        ("color", "translation", "cutout"),
        "what is done to each picture: brightness, saturation and contrast of the judged one; both moved; both cut",
    )
    translation: float = option(0.125, "largest move, as a share of each side; what comes in is 0", low=0, high=1)
    cutout: float = option(0.5, "side of the square that is set to 0, as a share of each side", low=0, high=1)


@dataclass(frozen=True, kw_only=True)
class ADAOptions:
    """What ADA does, and how its probability is steered; defaults are the paper's but for `limit`."""

    pipeline: tuple[Literal["blit", "geometry", "color"], ...] = option(
        ("blit", "geometry", "color"),
        "mirror, quarter turns, whole pixels; scale, turn, stretch, parts of pixels; colours of the judged picture",
    )
    target: float = option(0.6, "share of surely recognised real patches, -1 to 1, that is aimed at", low=-1, high=1)
    kimg: float = option(500.0, "thousands of real pictures in which the probability can rise from 0 to 1", low=0.001)
    interval: int = option(4, "steps between two changes of the probability", low=1, unit="steps")
    limit: float = option(
        0.8, "highest probability: beyond it the changes show in what is generated (paper, section 2.2)", low=0, high=1
    )
    start: float = option(0.0, "probability at the beginning", low=0, high=1)


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """Declare what this plugin offers."""
    yield Component(
        kind="discriminator_augmentation",
        name="diffaugment",
        target="imtrans_discriminator_augmentation.diffaugment:DiffAugment",
        summary="every picture recoloured, moved and cut at random (Zhao et al. 2020)",
        options=DiffAugmentOptions,
    )
    yield Component(
        kind="discriminator_augmentation",
        name="ada",
        target="imtrans_discriminator_augmentation.ada:ADA",
        summary="mirrored, turned, scaled, recoloured, as often as the discriminator overfits (Karras et al. 2020)",
        options=ADAOptions,
    )
