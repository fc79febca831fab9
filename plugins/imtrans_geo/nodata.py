"""Which pixels of a GeoTIFF have no value, and how a translation says so."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

NODATA_TAG = 42113


class Nodata(NamedTuple):
    """The value that means "none"; whether a value or a mask marks any pixel; and what is to be said of it."""

    value: float | None
    is_marked: bool
    notes: Sequence[str] = ()


def nodata_of(file: Any) -> Nodata:
    """That of a file that rasterio has opened. A value that the bands cannot hold marks nothing, and is noted."""
    from rasterio.enums import MaskFlags

    is_marked = any(flags != [MaskFlags.all_valid] for flags in file.mask_flag_enums)
    notes = []
    if file.nodata is None and (text := _tag(file.name)):
        notes.append(f"its nodata value {text} is none of {file.dtypes[0]}: no pixel is taken as without a value")
    return Nodata(file.nodata, is_marked, notes)


def nodata_for(nodata: Nodata, dtype: "np.dtype[Any]") -> float | None:
    """The value that means "none" in a translation of a type: the same where it can hold it; floats have NaN.

    None where there is no such value: then a mask says it, if anything does.
    """
    if nodata.value is not None:
        is_held = dtype.kind == "f" or (
            float(nodata.value).is_integer() and np.iinfo(dtype).min <= nodata.value <= np.iinfo(dtype).max
        )
        return nodata.value if is_held else None
    return float("nan") if dtype.kind == "f" else None


def _tag(path: str) -> str:
    """The text of GDAL's tag for nodata, "" where there is none."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            return str(file.pages.first.tags[NODATA_TAG].value).strip("\0 ")
    except (OSError, tifffile.TiffFileError, KeyError, ValueError):
        return ""
