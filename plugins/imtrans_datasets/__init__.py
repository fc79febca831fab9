"""Data sets: folders of pairs, the paper's sets by name, and the built-in drawn one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from imtrans import Component, DatasetInfo, hookimpl, option
from imtrans_datasets.offer_folders import folder_components
from imtrans_datasets.offer_named import named_components
from imtrans_datasets.offer_photos import photo_components


@dataclass(frozen=True, kw_only=True)
class ToyOptions:
    pairs: int = option(800, "training pairs to draw; validation has 64 others", low=1, high=100_000)


# Small enough for two cores and two minutes. No jitter or mirror: the light comes from the left, and the bricks keep
# to a grid, so that both would take away what the label map tells.
TOY_ADVICE: Mapping[str, Any] = {
    "data.size": (64,),
    "data.batch_size": 8,
    "generator.depth": 6,
    "generator.width": 16,
    "discriminator.width": 16,
    "discriminator.layers": 2,
    "train.steps": 800,
    "augment.kornia-jitter.scale": 1.0,
    "augment.kornia-flip.probability": 0.0,
    "inference.norm": "running",
    "inference.dropout": False,
}


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    yield from photo_components()
    yield Component(
        kind="dataset",
        name="toy",
        target="imtrans_datasets.toy:Toy",
        summary="drawn house fronts from their label maps; nothing to download",
        options=ToyOptions,
        info=DatasetInfo(advice=TOY_ADVICE),
        needs_context=True,
    )
    yield from folder_components()
    yield from named_components()
