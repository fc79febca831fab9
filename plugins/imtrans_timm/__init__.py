"""Networks and distances on the encoders of timm: any of its models, pretrained or not."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, MetricInfo, NetworkInfo, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class EncoderOptions:
    """Which model of timm, and where its weights come from."""

    encoder: str = option(
        "tf_efficientnet_lite0", "any model of timm, with or without a tag for its weights", example="convnext_tiny"
    )
    pretrained: bool = option(True, "begin with weights trained on photographs; false: with random ones")
    weights: Literal["auto", "package", "timm"] = option(
        "auto",
        "where they come from: a Python package (extra features; tf_efficientnet_lite0 alone), timm's own download, or "
        "whichever the encoder has",
    )


@dataclass(frozen=True, kw_only=True)
class UNetOptions(EncoderOptions):
    """Options of the U-Net over an encoder."""

    width: int = option(32, "channels of the decoder at full size; doubled at each halving, up to 8 times", low=1)
    norm: Literal["batch", "instance", "none"] = option("batch", "norm layer of the decoder and of the stem")
    encoder_norm: Literal["auto", "frozen", "train"] = option(
        "auto",
        "the encoder's batch norm layers: fixed as they come, or trained; auto: fixed where it is pretrained, as "
        "statistics of few pictures would spoil them",
    )
    frozen_stages: int = option(0, "stages of the encoder, from the finest on, that are not trained", low=0)


@dataclass(frozen=True, kw_only=True)
class DiscriminatorOptions(EncoderOptions):
    """Options of the discriminator on frozen features."""

    width: int = option(64, "channels of each scale's own layers", low=1)
    scales: int = option(4, "maps of the encoder that are classified, the coarsest ones", low=1)
    conditional: bool = option(True, "see the source beside the image")
    projection: bool = option(True, "mix the features of all scales by fixed random layers (Sauer et al. 2021)")
    spectral_norm: bool = option(True, "divide every weight by its largest singular value (Miyato et al. 2018)")


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """Declare what this plugin offers."""
    yield Component(
        kind="generator",
        name="unet-timm",
        target="imtrans_timm.unet:build",
        summary="U-Net over any encoder of timm, pretrained on photographs",
        options=UNetOptions,
        info=NetworkInfo(parameter_groups=("encoder",)),
        needs_context=True,
    )
    yield Component(
        kind="discriminator",
        name="patchgan-timm",
        target="imtrans_timm.discriminator:build",
        summary="classifies patches by the frozen features of any model of timm, at several scales",
        options=DiscriminatorOptions,
        needs_context=True,
    )
    yield Component(
        kind="loss",
        name="timm-perceptual",
        target="imtrans_timm.perceptual:loss",
        summary="distance of the features of any model of timm",
        options=EncoderOptions,
        needs_context=True,
    )
    yield Component(
        kind="metric",
        name="timm-distance",
        target="imtrans_timm.perceptual:metric",
        summary="distance of the features of any model of timm; lower is closer",
        options=EncoderOptions,
        info=MetricInfo(numbers={"timm_distance": False}, targets=("image", "data")),
        needs_context=True,
    )
