"""Synthetic data sets, generated on demand: nothing to download, and equal on every machine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from imtrans import Component, DatasetInfo, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class ToyOptions:
    """Options of the toy set."""

    pairs: int = option(800, "training pairs to draw; validation has 64 others", low=1, high=100_000)


# Small enough for two cores and two minutes. No jitter or mirror: the light comes from the left, and the bricks keep
# to a grid, so that both would take away what the label map tells.
DRAWN = "drawn by imtrans as they are needed, free of rights"
TOY_ADVICE: Mapping[str, Any] = {
    "data.size": (64,),
    "data.batch_size": 8,
    "generator.depth": 6,
    "generator.width": 16,
    "generator.upsampling": "resize",
    "generator.detail": 16,
    "generator.blocks": 3,
    "generator.downs": 1,
    "backward_generator.width": 16,
    "backward_generator.blocks": 3,
    "backward_generator.downs": 1,
    "discriminator.width": 16,
    "discriminator.layers": 2,
    "backward_discriminator.width": 16,
    "backward_discriminator.layers": 2,
    "train.steps": 800,
    "train.optimizer.lr": 5e-4,
    "augment.kornia-jitter.scale": 1.0,
    "augment.kornia-flip.probability": 0.0,
    "inference.norm": "running",
    "inference.dropout": False,
}


@dataclass(frozen=True, kw_only=True)
class DayNightOptions:
    """Options of the drawn days and nights."""

    days: int = option(400, "training pictures by day to draw; validation has 64 others", low=1, high=100_000)
    nights: int = option(400, "training pictures by night, of other houses; validation has 64", low=1, high=100_000)


# Small enough for CycleGAN on two cores in minutes: few channels, a higher rate, and the mean of the last weights,
# which so short a training needs. One downsampling: with two the networks learn windows and edges too late. No mirror:
# the light comes from the left.
NIGHT_ADVICE: Mapping[str, Any] = {
    "data.size": (64,),
    "data.batch_size": 1,
    "generator.blocks": 3,
    "generator.width": 16,
    "generator.downs": 1,
    "generator.antialias": True,
    "backward_generator.blocks": 3,
    "backward_generator.width": 16,
    "backward_generator.downs": 1,
    "backward_generator.antialias": True,
    "discriminator.width": 16,
    "discriminator.layers": 2,
    "backward_discriminator.width": 16,
    "backward_discriminator.layers": 2,
    "train.steps": 2000,
    "train.optimizer.lr": 4e-4,
    "train.ema": 0.995,
    "augment.kornia-jitter.scale": 1.0,
    "augment.kornia-flip.probability": 0.0,
}


@dataclass(frozen=True, kw_only=True)
class CadOptions:
    """Options of the CAD sketches."""

    pairs: int = option(3500, "training pairs to draw; validation has 100 others", low=1, high=100_000)


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """The toy set, its days and nights, and the CAD sketches."""
    yield Component(
        kind="dataset",
        name="toy",
        target="imtrans_synthetic.toy:Toy",
        summary="drawn house fronts from their label maps; nothing to download",
        options=ToyOptions,
        info=DatasetInfo(advice=TOY_ADVICE, is_default=True, terms=DRAWN),
        needs_context=True,
    )
    yield Component(
        kind="dataset",
        name="day2night",
        target="imtrans_synthetic.day_night:DayNight",
        summary="drawn house fronts by day, and others by night, unpaired; nothing to download",
        options=DayNightOptions,
        info=DatasetInfo(is_paired=False, advice=NIGHT_ADVICE, terms=DRAWN),
        needs_context=True,
    )
    yield Component(
        kind="dataset",
        name="cad",
        target="imtrans_synthetic.cad:Cad",
        summary="drawn CAD sketches from hand-drawn ones; nothing to download",
        options=CadOptions,
        # Project 002 trains 40,000 steps. It resizes to the nearest pixel, which loses whole lines of one pixel; here
        # they grow paler instead (data.interpolation=nearest gives its way).
        info=DatasetInfo(advice={"data.interpolation": "area", "train.steps": 40_000}, terms=DRAWN),
        needs_context=True,
    )
