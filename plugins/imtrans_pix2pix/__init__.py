"""pix2pix: the method, and its recipes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, InferenceOptions, MethodInfo, Recipe, Slot, hookimpl, option
from imtrans_pix2pix.recipes import recipes


@dataclass(frozen=True, kw_only=True)
class ConditionalGANOptions:
    """The order of the updates; defaults are the paper's."""

    order: Literal["discriminator-first", "generator-first", "simultaneous"] = option(
        "discriminator-first", "which update comes first in a step; simultaneous: both gradients before either update"
    )
    discriminator_scale: float = option(
        0.5, "factor of the discriminator's objective: it learns half as fast (paper, section 3.3)", low=0
    )
    discriminator_updates: Literal["joint", "separate"] = option(
        "joint",
        "one update of the discriminator on fake and real together, or one on the fake, then one on the real",
        former={"discriminator_updates": {"apart": "separate"}},
    )
    zero_biases: bool = option(
        False, "set the biases of all convolutions to 0 before each step, as the authors' Torch code does"
    )


CONDITIONAL_GAN = MethodInfo(
    slots={
        "generator": Slot(kind="generator", group="generator"),
        "discriminator": Slot(kind="discriminator", group="discriminator"),
        "adversarial": Slot(kind="adversarial", many=True),
        "reconstruction": Slot(kind="loss", many=True),
        "penalty": Slot(kind="penalty", many=True),
        "discriminator_augmentation": Slot(kind="discriminator_augmentation", many=True),
    },
    policy=InferenceOptions,
)


@hookimpl
def imtrans_provide() -> Iterable[Component | Recipe]:
    """Declare what this plugin offers."""
    yield Component(
        kind="method",
        name="conditional-gan",
        target="imtrans_pix2pix.method:conditional_gan",
        summary="a generator learns from a discriminator and a distance to the target (Isola et al. 2017)",
        options=ConditionalGANOptions,
        info=CONDITIONAL_GAN,
        needs_context=True,
    )
    yield from recipes()
