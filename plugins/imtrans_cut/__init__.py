"""CUT and FastCUT: translation between two kinds of pictures without pairs, in one direction (Park et al. 2020)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from imtrans import Component, ComponentRef, InferenceOptions, MethodInfo, Recipe, Slot, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class CUTOptions:
    """Options of the training step; defaults are those of CUT in the authors' code."""

    nce_weight: float = option(1.0, "weight of the contrast between patches; FastCUT: 10", low=0)
    identity: bool = option(True, "also contrast a target with its own translation; FastCUT: false")
    flips: bool = option(False, "mirror half of the pictures before they are translated, and compare; FastCUT: true")
    patches: int = option(256, "places of a picture that are compared at each layer", low=2)
    temperature: float = option(0.07, "of the contrast: less looks harder at the nearest patches", low=0.001)


@dataclass(frozen=True, kw_only=True)
class PatchMLPOptions:
    """Options of the network that features go through before they are compared."""

    width: int = option(256, "values by which a patch is described", low=1)


CUT = MethodInfo(
    slots={
        "generator": Slot(kind="generator", group="generator"),
        "discriminator": Slot(kind="discriminator", group="discriminator"),
        "patch_network": Slot(kind="network", group="generator"),
        "adversarial": Slot(kind="adversarial", many=True),
        "discriminator_augmentation": Slot(kind="discriminator_augmentation", many=True),
    },
    policy=InferenceOptions(dropout=False),
    needs_pairs=False,
)
DISCRIMINATOR: Mapping[str, Any] = {
    "conditional": False,
    "norm": "plain-instance",
    "bias": "everywhere",
    "init_type": "xavier",
}


@hookimpl
def imtrans_provide() -> Iterable[Component | Recipe]:
    """Declare what this plugin offers."""
    yield Component(
        kind="method",
        name="cut",
        target="imtrans_cut.method:CUT",
        summary="patches of a translation are nearest to those of its source, without pairs (Park et al. 2020)",
        options=CUTOptions,
        info=CUT,
        needs_context=True,
    )
    yield Component(
        kind="network",
        name="patch-mlp",
        target="imtrans_cut.patches:PatchMLP",
        summary="two linear layers for each layer of a generator whose patches are compared",
        options=PatchMLPOptions,
    )
    yield _recipe("cut", "unpaired translation, one way: contrast of patches, with identity", {}, falls=0.5)
    fast = {"nce_weight": 10.0, "identity": False, "flips": True}
    yield _recipe("fastcut", "as cut, faster and with less memory: no identity, mirrored", fast, falls=0.75)
    yield Recipe(
        name="cut-small",
        base="cut",
        summary="cut for a laptop: 128 px, a narrow ResNet of 6 blocks that halves sizes once",
        networks={
            "generator": ComponentRef("resnet6", {"width": 24, "downs": 1, "antialias": True, "init_type": "xavier"}),
            "discriminator": ComponentRef("patchgan34", {**DISCRIMINATOR, "width": 32}),
        },
        data={"size": (128,)},
        # So short trainings as a laptop's need the mean of the last weights.
        train={"ema": 0.995},
    )


def _recipe(name: str, summary: str, options: Mapping[str, Any], *, falls: float) -> Recipe:
    return Recipe(
        name=name,
        summary=summary,
        method=ComponentRef("cut", options),
        networks={
            "generator": ComponentRef("resnet9", {"antialias": True, "init_type": "xavier"}),
            "discriminator": ComponentRef("patchgan70", DISCRIMINATOR),
            "patch_network": ComponentRef("patch-mlp"),
        },
        losses={"adversarial": ComponentRef("lsgan")},
        augment=[ComponentRef("kornia-jitter"), ComponentRef("kornia-flip")],
        metrics=[],
        dataset=ComponentRef("day2night"),
        # How long is left to the data set, as in the other recipes: the papers take 400 epochs, and 200 for FastCUT.
        train={
            "optimizer.name": "adam",
            "optimizer.lr": 2e-4,
            "optimizer.betas": (0.5, 0.999),
            "schedule": "linear",
            "decay_start": falls,
        },
    )
