"""Slides and microscopy: OME-TIFF and OME-Zarr, and the files of slide scanners (extra `microscopy`)."""

from collections.abc import Iterable
from dataclasses import dataclass

from imtrans import Component, FormatInfo, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class LevelOptions:
    """Which level of a slide is read."""

    level: int = option(0, "number of the level that is read; 0 is the largest", low=0)
    microns: float = option(0.0, "read the level whose pixels are of so many microns; 0: by its number", low=0)


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
