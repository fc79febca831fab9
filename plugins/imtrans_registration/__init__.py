"""RegGAN: a network moves each translation onto its target before they are compared (Kong et al. 2021)."""

from collections.abc import Iterable
from dataclasses import dataclass

from imtrans import Component, ComponentRef, InferenceOptions, MethodInfo, Recipe, Slot, WeightedRef, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class RegGANOptions:
    """Options of the training step."""

    smoothness: float = option(10.0, "weight of the squared steps of the shifts from pixel to pixel", low=0)
    centred: bool = option(
        True, "leave what all shifts have in common to the generator; false, as in the paper: it may stay off by that"
    )


@dataclass(frozen=True, kw_only=True)
class FlowOptions:
    """Options of the network that finds the shifts."""

    width: int = option(32, "channels of its first stage; the others have twice as many", low=1)
    depth: int = option(4, "how often the size is halved: it sees shifts of about 2 ** depth pixels", low=1, high=8)


REGGAN = MethodInfo(
    slots={
        "generator": Slot(kind="generator", group="generator"),
        "discriminator": Slot(kind="discriminator", group="discriminator"),
        "registration": Slot(kind="network", group="registration"),
        "adversarial": Slot(kind="adversarial", many=True),
        "reconstruction": Slot(kind="loss", many=True),
        "discriminator_augmentation": Slot(kind="discriminator_augmentation", many=True),
    },
    policy=InferenceOptions(dropout=False),
)


@hookimpl
def imtrans_provide() -> Iterable[Component | Recipe]:
    """Declare what this plugin offers."""
    yield Component(
        kind="method",
        name="reggan",
        target="imtrans_registration.method:RegGAN",
        summary="a translation is moved onto its target before both are compared (Kong et al. 2021)",
        options=RegGANOptions,
        info=REGGAN,
        needs_context=True,
    )
    yield Component(
        kind="network",
        name="flow-unet",
        target="imtrans_registration.flow:flow_unet",
        summary="finds how far each pixel of one picture lies from its place in another",
        options=FlowOptions,
        needs_context=True,
    )
    yield Recipe(
        name="reggan",
        summary="pairs that are shifted or bent against each other: L1 after a registration, 20 to 1",
        method=ComponentRef("reggan"),
        networks={
            "generator": ComponentRef("resnet9"),
            # It must not see the source: it would learn the shifts, and ask the generator for them.
            "discriminator": ComponentRef("patchgan70", {"conditional": False, "norm": "plain-instance"}),
            "registration": ComponentRef("flow-unet"),
        },
        losses={"adversarial": ComponentRef("lsgan"), "reconstruction": [WeightedRef("l1", weight=20.0)]},
        augment=[ComponentRef("kornia-jitter"), ComponentRef("kornia-flip")],
        metrics=[ComponentRef("l1"), ComponentRef("psnr"), ComponentRef("ssim")],
        train={
            "optimizer.name": "adam",
            "optimizer.lr": 1e-4,
            "optimizer.betas": (0.5, 0.999),
            "schedule": "linear",
            "decay_start": 0.25,
        },
    )
