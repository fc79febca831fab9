"""Slides in folders, by their names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imtrans.errors import DataError
from imtrans_microscopy.tiff_slide import TiffSlide
from imtrans_microscopy.zarr_slide import ZarrSlide

SUFFIXES = (".ome.tif", ".ome.tiff", ".tif", ".tiff", ".btf", ".svs", ".ndpi", ".scn", ".bif", ".ome.zarr", ".zarr")


def open_slide(path: Path, *, level: int = 0, microns: float = 0.0) -> Any:
    """A slide of any kind, at one level."""
    kind = ZarrSlide if path.is_dir() else TiffSlide
    return kind(path, level=level, microns=microns)


def slides_in(folder: Path) -> Mapping[str, Path]:
    """The slides of a folder by their names. DataError for two of one name."""
    paths = sorted(folder.glob("*")) if folder.is_dir() else []
    named: dict[str, Path] = {}
    for path in paths:
        fitting = [s for s in SUFFIXES if path.name.lower().endswith(s)]
        if fitting and not path.name.startswith("."):
            name = path.name[: -max(map(len, fitting))]
            if name in named:
                raise DataError(f"{named[name]} and {path}: two slides of one name", hint="Rename one of them.")
            named[name] = path
    return named
