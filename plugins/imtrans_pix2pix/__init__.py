"""pix2pix: the method, and its recipes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, InferenceOptions, MethodInfo, Recipe, Slot, Term, Use, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class ConditionalGANOptions:
    order: Literal["discriminator-first", "generator-first", "simultaneous"] = option(
        "discriminator-first", "which update comes first in a step; simultaneous: both gradients before either update"
    )
    discriminator_scale: float = option(
        0.5, "factor of the discriminator's objective: it learns half as fast (paper, section 3.3)", low=0
    )


CONDITIONAL_GAN = MethodInfo(
    slots={
        "generator": Slot(kind="generator", group="generator"),
        "discriminator": Slot(kind="discriminator", group="discriminator"),
        "adversarial": Slot(kind="adversarial", many=True),
        "reconstruction": Slot(kind="loss", many=True),
    },
    policy=InferenceOptions,
    capturable=True,
)


@hookimpl
def imtrans_provide() -> Iterable[Component | Recipe]:
    yield Component(
        kind="method",
        name="conditional-gan",
        target="imtrans_pix2pix.method:ConditionalGAN",
        summary="a generator learns from a discriminator and a distance to the target (Isola et al. 2017)",
        options=ConditionalGANOptions,
        info=CONDITIONAL_GAN,
    )
    yield Recipe(
        name="pix2pix",
        summary="the paper: U-Net 256, 70 x 70 PatchGAN, cross entropy + 100 L1",
        method=Use("conditional-gan"),
        networks={"generator": Use("unet256"), "discriminator": Use("patchgan70")},
        losses={"adversarial": Use("bce"), "reconstruction": [Term("l1", weight=100.0)]},
        augment=[Use("kornia-jitter"), Use("kornia-flip")],
        metrics=[Use("l1"), Use("psnr"), Use("ssim")],
        train={"optimizer.name": "adam", "optimizer.lr": 2e-4, "optimizer.betas": (0.5, 0.999)},
    )
