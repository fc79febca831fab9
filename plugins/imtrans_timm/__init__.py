"""Networks and distances on the encoders of timm: any of its models, pretrained or not."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, NetworkInfo, hookimpl, option


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
