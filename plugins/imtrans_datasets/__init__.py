"""Data sets: folders of pairs, the paper's sets by name, and the built-in drawn one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from imtrans import Component, DatasetInfo, hookimpl, option
from imtrans.component import Direction


@dataclass(frozen=True, kw_only=True)
class FolderOptions:
    path: str = option("", "folder of pairs: side by side in one picture, or two folders with the same names")


@dataclass(frozen=True, kw_only=True)
class NamedOptions:
    root: str | None = option(None, "folder that holds NAME/train and NAME/val; none: the cache")


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
# The paper's own settings (appendix 6.2).
PAPER: Mapping[str, Any] = {
    "data.size": (256,),
    "data.batch_size": 1,
    "train.epochs": 200,
    "augment.kornia-jitter.scale": 286 / 256,
    "augment.kornia-flip.probability": 0.5,
}


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    yield Component(
        kind="dataset",
        name="toy",
        target="imtrans_datasets.toy:Toy",
        summary="drawn house fronts from their label maps; nothing to download",
        options=ToyOptions,
        info=DatasetInfo(advice=TOY_ADVICE),
        needs_context=True,
    )
    yield Component(
        kind="dataset",
        name="folder",
        target="imtrans_datasets.folder:folder",
        summary="your own folder of pairs: --dataset PATH",
        options=FolderOptions,
        info=DatasetInfo(),
        needs_context=True,
    )
    yield _named("facades", "400 + 100 house fronts, labels to photo", "BtoA", "CMP Facade Database, for research")
    yield _named(
        "cityscapes",
        "2,975 + 500 street scenes, labels to photo",
        "BtoA",
        "Cityscapes: free for non-commercial research, no redistribution",
    )
    yield _named("maps", "1,096 + 1,098 aerial photos to maps", "AtoB", "Google Maps imagery, for research")


def _named(name: str, summary: str, direction: Direction, terms: str) -> Component:
    return Component(
        kind="dataset",
        name=name,
        target=f"imtrans_datasets.named:{name}",
        summary=summary,
        options=NamedOptions,
        info=DatasetInfo(direction=direction, advice=PAPER, terms=terms),
        needs_context=True,
    )
