"""Data sets: folders of pairs, the paper's sets by name, and the built-in drawn one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imtrans import Archive, Component, DatasetInfo, hookimpl, option
from imtrans.component import Direction
from imtrans_datasets.offer_photos import photo_components


@dataclass(frozen=True, kw_only=True)
class FolderOptions:
    path: str = option("", "folder of pairs: side by side in one picture, or two folders with the same names")


@dataclass(frozen=True, kw_only=True)
class NamedOptions:
    root: str | None = option(None, "folder that holds NAME/train and NAME/val; else the cache")


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
EDGES: Mapping[str, Any] = {
    **PAPER,
    "data.batch_size": 4,
    "train.epochs": 15,
    "augment.kornia-jitter.scale": 1.0,
    "augment.kornia-flip.probability": 0.0,
}
NIGHT: Mapping[str, Any] = {**PAPER, "data.batch_size": 4, "train.epochs": 17}
BERKELEY = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets"  # plain http is all that it offers


# The tarballs of the paper's authors, as they pack them.
NAMED: Sequence[Mapping[str, Any]] = (
    {
        "name": "facades",
        "summary": "400 + 100 house fronts, labels to photo",
        "direction": "BtoA",
        "terms": "CMP Facade Database, for research",
        "counts": {"train": 400, "val": 100, "test": 106},
    },
    {
        "name": "cityscapes",
        "summary": "2,975 + 500 street scenes, labels to photo",
        "direction": "BtoA",
        "terms": "Cityscapes: free for non-commercial research, no redistribution",
        "counts": {"train": 2975, "val": 500},
    },
    {
        "name": "maps",
        "summary": "1,096 + 1,098 aerial photos to maps",
        "terms": "Google Maps imagery, for research",
        "counts": {"train": 1096, "val": 1098},
    },
    {
        "name": "edges2shoes",
        "summary": "49,825 + 200 edges to shoes",
        "terms": "UT Zappos50K: for academic, non-commercial use",
        "counts": {"train": 49_825, "val": 200},
        "advice": EDGES,
    },
    {
        "name": "edges2handbags",
        "summary": "138,567 + 200 edges to handbags",
        "terms": "product photos from Amazon, collected for iGAN; for research",
        "counts": {"train": 138_567, "val": 200},
        "advice": EDGES,
    },
    {
        "name": "night2day",
        "summary": "17,823 + 2,287 webcam views, night to day",
        "terms": "Transient Attributes Database, for research",
        "counts": {"train": 17_823, "test": 2287},
        "advice": NIGHT,
    },
)


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
    yield Component(
        kind="dataset",
        name="folder",
        target="imtrans_datasets.folder:folder",
        summary="your own folder of pairs: --dataset PATH",
        options=FolderOptions,
        info=DatasetInfo(),
        needs_context=True,
    )
    yield from (_named(**told) for told in NAMED)


def _named(
    name: str,
    summary: str,
    *,
    terms: str,
    counts: Mapping[str, int],
    direction: Direction = "AtoB",
    advice: Mapping[str, Any] = PAPER,
) -> Component:
    return Component(
        kind="dataset",
        name=name,
        target=f"imtrans_datasets.named:{name}",
        summary=summary,
        options=NamedOptions,
        info=DatasetInfo(
            direction=direction,
            advice=advice,
            archive=Archive(url=f"{BERKELEY}/{name}.tar.gz", counts=counts),
            terms=terms,
        ),
        needs_context=True,
    )
