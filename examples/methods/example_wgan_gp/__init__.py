"""WGAN-GP (Gulrajani et al. 2017): five critic updates a step, and a penalty with second derivatives."""

from collections.abc import Iterable
from dataclasses import dataclass

from imtrans import Component, ComponentRef, InferenceOptions, MethodInfo, Recipe, Slot, WeightedRef, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class CriticOptions:
    updates: int = option(5, "critic updates for each of the generator's", low=1)


SLOTS = {
    "generator": Slot(kind="generator", group="generator"),
    "critic": Slot(kind="discriminator", group="critic"),
    "penalty": Slot(kind="penalty", many=True),
    "reconstruction": Slot(kind="loss"),
}


@hookimpl
def imtrans_provide() -> Iterable[Component | Recipe]:
    yield Component(
        kind="method",
        name="example-wgan",
        target="example_wgan_gp.method:WassersteinGAN",
        summary="a critic that is trained several times a step",
        options=CriticOptions,
        info=MethodInfo(slots=SLOTS, policy=InferenceOptions),
    )
    yield Component(
        kind="penalty",
        name="example-gradient-penalty",
        target="example_wgan_gp.method:gradient_penalty",
        summary="(|gradient| - 1)^2 between real and fake",
        needs_context=True,
    )
    yield Recipe(
        name="example-wgan-gp",
        summary="WGAN-GP on the toy set",
        method=ComponentRef("example-wgan"),
        networks={
            "generator": ComponentRef("unet64", {"depth": 3, "width": 4}),
            "critic": ComponentRef("patchgan16", {"width": 4, "norm": "none"}),
        },
        losses={
            "penalty": [WeightedRef("example-gradient-penalty", weight=10.0)],
            "reconstruction": WeightedRef("l1", weight=10.0),
        },
        data={"size": 32, "batch_size": 2},
        train={"optimizer.betas": (0.0, 0.9), "optimizer.critic.lr": 4e-4},
    )
