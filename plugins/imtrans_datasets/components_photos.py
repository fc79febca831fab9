"""Declarations of the pair makers: data sets over a folder of photos."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from imtrans import Component, ComponentRef, DatasetInfo, option


@dataclass(frozen=True, kw_only=True)
class PhotoOptions:
    """Where the photos come from."""

    root: str | None = option(
        None, "folder of photos, with or without train, val and test in it: --data-root", is_path=True
    )
    photos: ComponentRef | None = option(None, "data set whose pictures (its targets) are the photos", kind="dataset")


@dataclass(frozen=True, kw_only=True)
class PencilOptions(PhotoOptions):
    """How photos become pencil drawings."""

    order: Literal["rgb", "bgr"] = option(
        "rgb", "channel order when turning grey; bgr: the bug of the project this follows"
    )


@dataclass(frozen=True, kw_only=True)
class EdgesOptions(PhotoOptions):
    """The thresholds of Canny's edge detector."""

    low: int = option(80, "weak threshold of Canny's edge detector", low=0, high=1000)
    high: int = option(160, "strong threshold", low=0, high=1000)
    smallest: int = option(5, "pieces of fewer pixels are removed", low=0)


# Colourisation as the paper does it: batch 4, no jitter, mirror (appendix 6.2).
PHOTO: Mapping[str, Any] = {"data.batch_size": 4, "augment.kornia-jitter.scale": 1.0}
NO_AUGMENTATION: Mapping[str, Any] = {**PHOTO, "augment.kornia-flip.probability": 0.0}


def photo_components() -> Iterable[Component]:
    """The declarations of the pair makers."""
    yield _maker("pencil", "your photos, from pencil drawings made of them", PencilOptions, PHOTO)
    yield _maker("grey", "your photos, from their grey versions", PhotoOptions, PHOTO)
    yield _maker("lab", "the colours (ab) of your photos, from their lightness (L)", PhotoOptions, PHOTO)
    yield _maker("edges", "your photos, from their edges (Canny)", EdgesOptions, NO_AUGMENTATION)
    yield _maker("inpaint", "your photos, from the same with the centre blanked out", PhotoOptions, NO_AUGMENTATION)


def _maker(name: str, summary: str, options: type, advice: Mapping[str, Any]) -> Component:
    return Component(
        kind="dataset",
        name=name,
        target=f"imtrans_datasets.photos:{name}",
        summary=f"{summary}: --data-root PHOTOS",
        options=options,
        info=DatasetInfo(advice=advice),
        needs_context=True,
    )
