"""pix2pixHD (Wang et al. 2018): its generators, discriminator and losses, each for any recipe, and its recipe."""

from collections.abc import Iterable
from dataclasses import dataclass

from imtrans import Component, ComponentRef, NetworkInfo, Recipe, WeightedRef, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class GlobalOptions:
    """Options of the global generator; defaults are the paper's."""

    width: int = option(64, "channels of the first layer; doubled at each downsampling", low=2)
    downs: int = option(4, "downsampling stages", low=1, high=8)
    blocks: int = option(9, "residual blocks at the coarsest size", low=0)
    init_std: float = option(0.02, "standard deviation of the initial weights", low=0)


@dataclass(frozen=True, kw_only=True)
class LocalOptions(GlobalOptions):
    """Options of the enhancer: those of its global trunk, and its own."""

    local_blocks: int = option(3, "residual blocks of the enhancer, at half the full size", low=0)


@dataclass(frozen=True, kw_only=True)
class MultiscaleOptions:
    """Options of the discriminator; defaults are the paper's."""

    scales: int = option(2, "networks, each for pictures of half the size of the one before", low=1, high=5)
    layers: int = option(3, "downsampling stages of each", low=1, high=6)
    width: int = option(64, "channels of the first layer; doubled at each layer, up to 512", low=1)
    conditional: bool = option(True, "see the source beside the picture")
    init_std: float = option(0.02, "standard deviation of the initial weights", low=0)


@dataclass(frozen=True, kw_only=True)
class VggOptions:
    """Where the weights of VGG19 are: 575 MB, which are not shipped."""

    weights: str = option(
        "", "file of VGG19's weights, as torchvision has them; empty: searched in the caches", is_path=True
    )
    fetch: bool = option(False, "download them where there are none (575 MB)")


RECIPE = Recipe(
    name="pix2pixhd",
    summary="larger pictures: several scales of discriminator, feature matching, no L1 (Wang et al. 2018)",
    base="pix2pix",
    networks={"generator": ComponentRef("pix2pixhd-global"), "discriminator": ComponentRef("multiscale")},
    losses={
        "adversarial": [
            ComponentRef("lsgan", {"scales": "sum"}),
            WeightedRef("feature-matching", weight=10.0),
        ],
        "reconstruction": [],
    },
    # As in the authors' code: one forward pass for both losses, then G's step and D's.
    method=ComponentRef("conditional-gan", {"order": "generator-first"}),
    augment=[ComponentRef("kornia-flip", {"probability": 0.5})],
    data={"batch_size": 1},
    train={"optimizer.lr": 2e-4, "epochs": 200, "schedule": "linear", "decay_start": 0.5},
    inference={"norm": "running", "dropout": False},
)


@hookimpl
def imtrans_provide() -> Iterable[Component | Recipe]:
    """Declare what this plugin offers."""
    yield from _networks()
    yield from _losses()
    yield RECIPE


def _networks() -> Iterable[Component]:
    yield Component(
        kind="generator",
        name="pix2pixhd-global",
        target="imtrans_pix2pixhd.generators:global_generator",
        summary="residual blocks between four downsampling and four upsampling stages, for pictures up to 1024 x 512",
        options=GlobalOptions,
        needs_context=True,
    )
    yield Component(
        kind="generator",
        name="pix2pixhd-local",
        target="imtrans_pix2pixhd.generators:local_enhancer",
        summary="a shallow network at full size around the global one at half of it, for pictures of 2048 x 1024",
        options=LocalOptions,
        info=NetworkInfo(parameter_groups=("global",)),
        needs_context=True,
    )
    yield Component(
        kind="discriminator",
        name="multiscale",
        target="imtrans_pix2pixhd.discriminator:multiscale",
        summary="classifies patches at several scales, and gives features for feature-matching",
        options=MultiscaleOptions,
        needs_context=True,
    )


def _losses() -> Iterable[Component]:
    yield Component(
        kind="adversarial",
        name="feature-matching",
        target="imtrans_pix2pixhd.losses:FeatureMatching",
        summary="distance of real and generated pictures as the discriminator sees them; trains the generator alone",
    )
    yield Component(
        kind="loss",
        name="vgg19-perceptual",
        target="imtrans_pix2pixhd.vgg:perceptual",
        summary="distance of the features of VGG19, with weights that you have or fetch",
        options=VggOptions,
        needs_context=True,
    )
