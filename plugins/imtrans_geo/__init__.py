"""Satellite and aerial pictures: GeoTIFF read and written with their place on the ground (extra `geo`)."""

from collections.abc import Iterable

from imtrans import Component, FormatInfo, hookimpl


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
