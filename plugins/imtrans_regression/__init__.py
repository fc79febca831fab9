"""Supervised translation: a generator that learns from distances to the target alone, without a discriminator."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, ComponentRef, MethodInfo, Recipe, Slot, WeightedRef, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class RegressionInference:
    """How a trained model is run: without noise, and, where it is asked for, as the mean over mirrored pictures."""

    norm: Literal["batch", "running"] = option(
        "running", "statistics of the norm layers: the running ones of training, or the picture's own"
    )
    dropout: bool = option(False, "dropout as a source of noise")
    flips: Literal["none", "horizontal", "all"] = option(
        "none",
        "translate mirrored pictures as well, and take the mean: left to right (twice the time), or both ways (four "
        "times)",
    )


@hookimpl
def imtrans_provide() -> Iterable[Component | Recipe]:
    """Declare what this plugin offers."""
    yield Component(
        kind="method",
        name="regression",
        target="imtrans_regression.method:Regression",
        summary="a generator learns from distances to the target alone",
        info=MethodInfo(
            slots={
                "generator": Slot(kind="generator", group="generator"),
                "reconstruction": Slot(kind="loss", many=True),
            },
            policy=RegressionInference,
        ),
    )
    yield Recipe(
        name="regression",
        summary="supervised translation: pretrained U-Net, L1 + perceptual, no discriminator",
        method=ComponentRef("regression"),
        networks={"generator": ComponentRef("unet-timm")},
        losses={"reconstruction": [WeightedRef("l1", weight=1.0), WeightedRef("timm-perceptual", weight=0.1)]},
        # Mirrored in training, whatever the data set advises, as it is to translate mirrored pictures.
        augment=[ComponentRef("kornia-jitter"), ComponentRef("kornia-flip", {"probability": 0.5})],
        metrics=[ComponentRef("l1"), ComponentRef("psnr"), ComponentRef("ssim")],
        data={"batch_size": 8},
        train={
            "optimizer.name": "adamw",
            "optimizer.lr": 1e-3,
            "optimizer.betas": (0.9, 0.999),
            "optimizer.weight_decay": 1e-2,
            # What the encoder has learned from a million photographs is to be adapted, not forgotten.
            "optimizer.encoder.lr": 2e-4,
            "schedule": "cosine",
        },
        inference={"flips": "horizontal"},
        reference="pix2pix",
        reference_dataset="facades",
    )
