"""Satellite and aerial pictures: GeoTIFF read and written with their place on the ground (extra `geo`)."""

from collections.abc import Iterable
from dataclasses import dataclass

from imtrans import Component, DatasetInfo, FormatInfo, hookimpl, option


@dataclass(frozen=True, kw_only=True)
class ScenesOptions:
    """Where the scenes are, and which windows are drawn."""

    path: str = option("", "folder with train/A, train/B, val/A, val/B, or with A and B", is_path=True)
    windows: int = option(64, "windows of each scene in an epoch", low=1)
    least: float = option(0.5, "share of a window's pixels that must have a value on both sides", low=0, high=1)
    source_range: tuple[float, ...] = option((), "low and high: values of the source that become -1 and 1; clipped")
    target_range: tuple[float, ...] = option((), "the same of the target")


@hookimpl
def imtrans_provide() -> Iterable[Component]:
    """Declare what this plugin offers."""
    yield Component(
        kind="format",
        name="geotiff",
        target="imtrans_geo.geotiff:GeoTiff",
        summary="GeoTIFF by rasterio: coordinate system, transform, nodata and descriptions stay (extra geo)",
        info=FormatInfo(suffixes=(".tif", ".tiff")),
    )
    yield Component(
        kind="dataset",
        name="scenes",
        target="imtrans_geo.scenes:scenes",
        summary="pairs of GeoTIFFs of one place, of which windows are drawn (extra geo)",
        options=ScenesOptions,
        info=DatasetInfo(advice={"data.size": (256,)}),
        needs_context=True,
    )
