"""Parts of pix2pixHD (Wang et al. 2018): a multiscale discriminator and feature matching, on one-hot labels."""

from collections.abc import Iterable
from dataclasses import dataclass

from imtrans import Component, ComponentRef, DatasetInfo, Recipe, WeightedRef, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class MultiscaleOptions:
    scales: int = option(2, "discriminators, each at half the size of the one before", low=1, high=4)
    each: ComponentRef = option(
        ComponentRef("patchgan16", {"width": 4}), "what judges at every scale", kind="discriminator"
    )


@hookimpl
def imtrans_provide() -> Iterable[Component | Recipe]:
    yield Component(
        kind="discriminator",
        name="example-multiscale",
        target="example_multiscale.parts:multiscale",
        summary="the same discriminator at several sizes",
        options=MultiscaleOptions,
        needs_context=True,
    )
    yield Component(
        kind="adversarial",
        name="example-feature-matching",
        target="example_multiscale.parts:FeatureMatching",
        summary="L1 between the discriminator's features of real and fake",
    )
    yield Component(
        kind="dataset",
        name="example-labels",
        target="example_multiscale.parts:Labels",
        summary="squares of five classes",
        info=DatasetInfo(),
        needs_context=True,
    )
    yield Recipe(
        name="example-multiscale",
        summary="pix2pixHD's losses on label maps",
        base="pix2pix",
        networks={
            "generator": ComponentRef("unet64", {"depth": 3, "width": 4}),
            "discriminator": ComponentRef("example-multiscale"),
        },
        losses={
            "adversarial": [ComponentRef("lsgan"), WeightedRef("example-feature-matching", weight=10.0)],
            "reconstruction": [],
        },
        metrics=[ComponentRef("l1")],
        dataset=ComponentRef("example-labels"),
        data={"size": 32, "batch_size": 2},
    )
