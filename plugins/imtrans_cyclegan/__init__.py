"""CycleGAN: translation between two kinds of pictures without pairs, in both directions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from imtrans import Component, ComponentRef, InferenceOptions, MethodInfo, Recipe, Slot, WeightedRef, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class CycleGANOptions:
    """Options of the training step; defaults are the paper's."""

    pool_size: int = option(50, "translations of earlier steps that each discriminator may see again; 0: none", low=0)


CYCLEGAN = MethodInfo(
    slots={
        "generator": Slot(kind="generator", group="generator"),
        "backward_generator": Slot(kind="generator", group="generator", reverse=True),
        "discriminator": Slot(kind="discriminator", group="discriminator"),
        "backward_discriminator": Slot(kind="discriminator", group="discriminator", reverse=True),
        "adversarial": Slot(kind="adversarial", many=True),
        "cycle": Slot(kind="loss", many=True),
        "identity": Slot(kind="loss", many=True),
        "discriminator_augmentation": Slot(kind="discriminator_augmentation", many=True),
    },
    policy=InferenceOptions(dropout=False),
    needs_pairs=False,
)
# Appendix 7.2 of the paper, and biases as in its code: 2,764,737 parameters.
DISCRIMINATOR: Mapping[str, Any] = {"conditional": False, "norm": "plain-instance", "bias": "everywhere"}


@hookimpl
def imtrans_provide() -> Iterable[Component | Recipe]:
    """Declare what this plugin offers."""
    yield Component(
        kind="method",
        name="cyclegan",
        target="imtrans_cyclegan.method:cyclegan",
        summary="two generators that undo each other, without pairs (Zhu et al. 2017)",
        options=CycleGANOptions,
        info=CYCLEGAN,
        needs_context=True,
    )
    yield Recipe(
        name="cyclegan",
        summary="unpaired translation, both ways: two ResNets of 9 blocks, least squares, cycle 10, identity 5",
        method=ComponentRef("cyclegan"),
        networks={
            "generator": ComponentRef("resnet9"),
            "backward_generator": ComponentRef("resnet9"),
            "discriminator": ComponentRef("patchgan70", DISCRIMINATOR),
            "backward_discriminator": ComponentRef("patchgan70", DISCRIMINATOR),
        },
        losses={
            "adversarial": ComponentRef("lsgan"),
            "cycle": [WeightedRef("l1", weight=10.0)],
            "identity": [WeightedRef("l1", weight=5.0)],
        },
        augment=[ComponentRef("kornia-jitter"), ComponentRef("kornia-flip")],
        metrics=[],
        dataset=ComponentRef("day2night"),
        # Half of the run at the full rate, half in a straight line to 0: of the 200 epochs 100 and 100. The rate, 2e-4,
        # is the default, so that a data set may advise another.
        train={"optimizer.name": "adam", "optimizer.betas": (0.5, 0.999), "schedule": "linear"},
        reference="cyclegan",
        reference_dataset="horse2zebra",
    )
    yield _small()


def _small() -> Recipe:
    narrow = ComponentRef("resnet6", {"width": 24, "downs": 1, "antialias": True})
    critic = ComponentRef("patchgan34", {**DISCRIMINATOR, "width": 32})
    return Recipe(
        name="cyclegan-small",
        base="cyclegan",
        summary="cyclegan for a laptop: 128 px, narrow ResNets of 6 blocks that halve sizes once",
        networks={
            "generator": narrow,
            "backward_generator": narrow,
            "discriminator": critic,
            "backward_discriminator": critic,
        },
        data={"size": (128,)},
        # So short trainings as a laptop's need the mean of the last weights.
        train={"ema": 0.995},
    )
