"""Slides and microscopy: OME-TIFF and OME-Zarr, and the files of slide scanners (extra `microscopy`)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from imtrans import Component, DatasetInfo, FormatInfo, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class LevelOptions:
    """Which level of a slide is read."""

    level: int = option(0, "number of the level that is read; 0 is the largest", low=0)
    microns: float = option(0.0, "read the level whose pixels are of so many microns; 0: by its number", low=0)


@dataclass(frozen=True, kw_only=True)
class SlidesOptions(LevelOptions):
    """Where the slides are, and which patches are drawn."""

    path: str = option("", "folder with train/A, train/B, val/A, val/B, or with A and B", is_path=True)
    patches: int = option(64, "patches of each slide in an epoch", low=1)
    patient: str = option("", "pattern of the part of a name that says whose slide it is; splits keep patients whole")
    background: Literal["auto", "white", "black", "none"] = option(
        "auto", "what no patch is drawn of; auto: white where sources are RGB"
    )
    margin: float = option(0.1, "share of the range within which a pixel is white or black", low=0, high=1)
    least: float = option(0.5, "share of a patch of the source that must be no background", low=0, high=1)
    source_range: tuple[float, ...] = option((), "low and high: values of the source that become -1 and 1; clipped")
    target_range: tuple[float, ...] = option((), "the same of the target")


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """Declare what this plugin offers."""
    yield Component(
        kind="format",
        name="ome-tiff",
        target="imtrans_microscopy.ome_tiff:OmeTiff",
        summary="OME-TIFF and slides in TIFF: levels, planes and microns per pixel stay (.svs: extra microscopy)",
        options=LevelOptions,
        info=FormatInfo(suffixes=(".ome.tif", ".ome.tiff", ".tif", ".tiff", ".btf", ".svs", ".ndpi", ".scn", ".bif")),
    )
    yield Component(
        kind="format",
        name="ome-zarr",
        target="imtrans_microscopy.ome_zarr:OmeZarr",
        summary="OME-Zarr: levels, planes and microns per pixel stay (extra microscopy)",
        options=LevelOptions,
        info=FormatInfo(suffixes=(".ome.zarr", ".zarr")),
    )
    yield Component(
        kind="dataset",
        name="slides",
        target="imtrans_microscopy.slides:slides",
        summary="pairs of whole slides of one grid, of which patches are drawn, background left out",
        options=SlidesOptions,
        info=DatasetInfo(advice={"data.size": (256,)}),
        needs_context=True,
    )
