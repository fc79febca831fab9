"""Losses: distances between images, adversarial losses of discriminator and generator, and penalties."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from imtrans import Component, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class OfLogits:
    """What all adversarial losses can be told."""

    scales: Literal["mean", "sum"] = option(
        "mean", "of a discriminator with several scales: the mean over them, or the sum, as in pix2pixHD"
    )


@dataclass(frozen=True, kw_only=True)
class Hinge(OfLogits):
    """Options of the hinge loss."""

    generator_margin: bool = option(
        False,
        "let the generator's loss stop at a margin of 1, as one Keras project does",
        former={"clamped": None},  # its name in checkpoints of earlier versions
    )


@dataclass(frozen=True, kw_only=True)
class MultiScaleSSIM:
    """Options of the similarity over scales."""

    scales: int = option(5, "sizes, each half of the one before; five need 161 pixels", low=1, high=5)


@dataclass(frozen=True, kw_only=True)
class Pyramid:
    """Options of the distance over sizes."""

    levels: int = option(4, "sizes, each half of the one before; 1 is l1", low=1, high=8)


@dataclass(frozen=True, kw_only=True)
class Power:
    """Options of losses with an exponent."""

    alpha: float = option(1.0, "exponent: higher ones look at the greatest differences", low=0.1, high=4)


LOSSES: tuple[tuple[str, str, str, Any], ...] = (
    ("l1", "torch.nn:L1Loss", "mean absolute difference", None),
    ("mse", "torch.nn:MSELoss", "mean squared difference", None),
    (
        "pyramid-l1",
        "imtrans_losses.pyramid:PyramidL1",
        "mean absolute difference over several sizes, for pairs that are slightly shifted (Liu et al. 2022)",
        Pyramid,
    ),
    ("ssim", "imtrans_losses.structural:SSIM", "1 - structural similarity (Wang et al. 2004)", None),
    ("ms-ssim", "imtrans_losses.structural:MultiScaleSSIM", "1 - similarity over several sizes", MultiScaleSSIM),
    ("focal-frequency", "imtrans_losses.details:FocalFrequency", "distance of spectra (Jiang et al. 2021)", Power),
    (
        "gradient-difference",
        "imtrans_losses.details:GradientDifference",
        "distance of edges (Mathieu et al. 2016)",
        Power,
    ),
)
ADVERSARIAL: tuple[tuple[str, str, str, Any], ...] = (
    ("bce", "BCE", "cross entropy on logits; the generator's form does not saturate (paper, section 3.3)", OfLogits),
    ("lsgan", "LSGAN", "squared distance of the logits from 0 and 1 (Mao et al. 2017)", OfLogits),
    ("hinge", "Hinge", "logits beyond a margin of 1 cost nothing (Lim and Ye 2017)", Hinge),
    ("wgan", "Wasserstein", "logits as they are, for a critic of bounded slope (Arjovsky et al. 2017)", OfLogits),
)
PENALTIES = (
    ("r1", "R1", "squared slope of the discriminator at real pictures (Mescheder et al. 2018)"),
    ("wgan-gp", "WassersteinGP", "slope of the critic off 1 between real and generated (Gulrajani et al. 2017)"),
)


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """Declare what this plugin offers."""
    for name, target, summary, options in LOSSES:
        yield Component(kind="loss", name=name, target=target, summary=summary, options=options)
    for name, target, summary, options in ADVERSARIAL:
        target = f"imtrans_losses.adversarial:{target}"
        yield Component(kind="adversarial", name=name, target=target, summary=summary, options=options)
    for name, target, summary in PENALTIES:
        yield Component(kind="penalty", name=name, target=f"imtrans_losses.penalties:{target}", summary=summary)
