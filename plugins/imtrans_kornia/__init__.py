"""Augmentation of whole batches on the device, with kornia."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class JitterOptions:
    """Options of the random crop."""

    scale: float = option(
        286 / 256,
        "size to load, as a multiple of the size to crop: the paper's 286 for 256; 1: no jitter",
        low=1,
        high=4,
    )
    interpolation: Literal["nearest", "bilinear", "bicubic", "area", "lanczos"] = option(
        "bilinear", "filter for that resize"
    )


@dataclass(frozen=True, kw_only=True)
class FlipOptions:
    """Options of the mirroring."""

    probability: float = option(0.5, "probability that a pair is mirrored; 0: never", low=0, high=1)


@dataclass(frozen=True, kw_only=True)
class ColorOptions:
    """Largest random changes of the colours; each is drawn uniformly from either side of 0."""

    brightness: float = option(0.2, "largest change, as a share of the range", low=0, high=1)
    contrast: float = option(0.2, "largest deviation of the factor from 1", low=0, high=1)
    saturation: float = option(0.2, "largest deviation of the factor from 1", low=0, high=1)
    hue: float = option(0.05, "largest rotation, as a share of the circle", low=0, high=0.5)


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """Random crop, mirroring and colour changes."""
    for name, summary, options in (
        ("jitter", "load larger, crop at random: the same for source and target", JitterOptions),
        ("flip", "mirror left and right at random: the same for source and target", FlipOptions),
        ("color", "change the colours of the source at random, never the target's", ColorOptions),
    ):
        yield Component(
            kind="augmentation",
            name=f"kornia-{name}",
            target=f"imtrans_kornia.augment:{name.title()}",
            summary=summary,
            options=options,
            needs_context=name != "flip",  # the others depend on the size or on the channels
        )
