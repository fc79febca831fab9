"""Slides in TIFF: which files are some, their levels and the size of their pixels, and their windows."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from imtrans.errors import DataError
from imtrans.kit.images import Array
from imtrans.kit.pretrained import installed
from imtrans_microscopy.grid import MICRONS, Grid, chosen_level, level_grid
from imtrans_microscopy.tiff_level import TiffLevel

VENDORS = ("svs", "ndpi", "scn", "bif", "philips")
GEO_TAGS = (33550, 33922, 34264, 34735, 42113)  # of maps and of GDAL, which have a format of their own
UNITS = {2: 25_400.0, 3: 10_000.0}  # microns in the units of the tag for resolution
CREDIBLE = 50.0  # microns: pixels of slides are smaller; 72 dots an inch are what programs write that know nothing


def is_slide(path: Path) -> bool:
    """Whether a TIFF is OME-TIFF, of a slide scanner, or in tiles with levels, and no map."""
    try:
        with tifffile.TiffFile(path) as file:
            page: Any = file.pages.first
            if any(tag in page.tags for tag in GEO_TAGS):
                return False
            return file.is_ome or _vendor(file) != "" or (page.is_tiled and len(_main(file).levels) > 1)
    except (OSError, tifffile.TiffFileError, IndexError, KeyError, ValueError):
        return False  # the reader of plain pictures says what is wrong with it


class TiffSlide:
    """A level of an open slide; its planes are slices and points of time, its channels those of all pages and samples.

    `level` or `microns` choose which (`chosen_level`). DataError for what cannot be read by tiles.
    """

    def __init__(self, path: Path, *, level: int = 0, microns: float = 0.0) -> None:
        self.path, self.notes = path, list[str]()
        try:
            self._file = tifffile.TiffFile(path)
        except (OSError, tifffile.TiffFileError) as error:
            raise DataError(f"{path}: {error}") from None
        try:
            self._open(level, microns)
        except BaseException:
            self._file.close()
            raise

    def _open(self, level: int, microns: float) -> None:
        series = _main(self._file)
        self.sizes = [_size(each) for each in series.levels]
        grid = _grid(self._file, series, self.path)
        chosen = self.number = chosen_level(self.path, self.sizes, grid, level=level, microns=microns)
        self.grid = level_grid(grid, self.sizes, chosen)
        pages = _pages(series.levels[chosen], self.path)
        self.planes = math.prod(self.grid.counts)
        self._level = TiffLevel(self.path, pages, pages_each=len(pages) // self.planes)
        self.size, self.channels, self.dtype = self._level.size, self._level.channels, self._level.dtype
        # What is neither of 8 nor of 16 bits without a sign is read as floats, with a range of one's own.
        self.is_float = self.dtype not in (np.uint8, np.uint16)
        self.bits = 32 if self.is_float else 8 * self.dtype.itemsize
        if self._file.is_ome and len(self._file.series) > 1:  # scanners keep pictures of the label as well
            number = self._file.series.index(series) + 1
            self.notes.append(f"holds {len(self._file.series)} pictures; number {number}, the largest, is read")
        if self.grid.microns is None:
            self.notes.append("does not say how large its pixels are, nor will the translation")

    def read(self, rows: range, columns: range, *, plane: int = 0) -> Array:
        """The stored values of a window, (h, w, C)."""
        values = self._level.read(rows, columns, plane)
        return values.astype(np.float32) if self.is_float else values

    def valid(self, rows: range, columns: range, *, plane: int = 0) -> Array | None:
        """Where the file has tiles, and numbers in all channels; None: everywhere."""
        valid = self._level.valid(rows, columns, plane)
        if self.dtype.kind != "f":
            return valid
        numbers = np.isfinite(self.read(rows, columns, plane=plane))
        whole: Array = np.logical_and.reduce(numbers if valid is None else numbers & valid[..., None], axis=-1)
        return whole

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __del__(self) -> None:
        """Close the file of a data set that nobody needs any more; tifffile would warn of it."""
        if hasattr(self, "_file"):
            self._file.close()


def _main(file: tifffile.TiffFile) -> Any:
    """The largest picture of a file; slides have small ones of their label beside it."""
    return max(file.series, key=lambda series: math.prod(_size(series)))


def _size(series: Any) -> tuple[int, int]:
    sizes = dict(zip(series.axes, series.shape, strict=True))
    return int(sizes.get("Y", 0)), int(sizes.get("X", 0))


def _pages(level: Any, path: Path) -> Sequence[Any]:
    """The pages of a level, of each plane those of its channels one after the other."""
    axes = [axis for axis in level.axes if axis not in "YXS"]
    shape = [n for axis, n in zip(level.axes, level.shape, strict=True) if axis not in "YXS"]
    if any(axis not in "TZC" for axis in axes) or len(level.pages) != math.prod(shape):
        what = f"{path}: axes {level.axes}, in {len(level.pages)} pages"
        raise DataError(what, hint="Save it as OME-TIFF with axes of T, C, Z, Y and X.")
    if all(page is None for page in level.pages):
        raise DataError(f"{path}: has no pages", hint="Copy all files of the set.")
    order = [axes.index(axis) for axis in "TZC" if axis in axes]
    numbers = np.arange(len(level.pages)).reshape(shape).transpose(order).ravel()
    return [level.pages[int(number)] for number in numbers]


def _grid(file: tifffile.TiffFile, series: Any, path: Path) -> Grid:
    counts = {axis: n for axis, n in zip(series.axes, series.shape, strict=True) if axis in "TZ"}
    axes = "".join(axis for axis in "TZ" if axis in counts)
    sizes = _ome_sizes(file, series) if file.is_ome else _tag_sizes(file, series, path)
    # A program that knows nothing writes 0.
    y, x, z = (size if size and size > 0 else None for size in sizes)
    return Grid(axes=axes, counts=tuple(counts[a] for a in axes), microns=(y, x) if y and x else None, depth=z)


def _ome_sizes(file: tifffile.TiffFile, series: Any) -> tuple[float | None, ...]:
    """The size of a pixel along y, x and z in microns, as the XML says it."""
    try:
        images = [e for e in ElementTree.fromstring(file.ome_metadata or "").iter() if e.tag.endswith("}Pixels")]
        pixels = images[file.series.index(series)].attrib
        return tuple(
            float(pixels[f"PhysicalSize{axis}"]) * MICRONS[pixels.get(f"PhysicalSize{axis}Unit", "µm")]
            if f"PhysicalSize{axis}" in pixels
            else None
            for axis in "YXZ"
        )
    except (ElementTree.ParseError, ValueError, IndexError, KeyError):  # a unit such as "pixel" among them
        return None, None, None


def _tag_sizes(file: tifffile.TiffFile, series: Any, path: Path) -> tuple[float | None, ...]:
    """As the scanner's notes say it, else as the tags for resolution do."""
    if vendor := _vendor(file):
        slides = installed("tiffslide", needed_by=f"{path} (of type {vendor})", extra="microscopy")
        with slides.TiffSlide(path) as slide:
            sizes = [slide.properties.get(f"tiffslide.mpp-{axis}") for axis in "yx"]
        return (*(float(size) if size else None for size in sizes), None)
    tags = series.levels[0].pages[0].keyframe.tags
    unit = UNITS.get(int(tags.valueof("ResolutionUnit", 1)))
    sizes = [tags.valueof(name) for name in ("YResolution", "XResolution")]
    microns = [unit * size[1] / size[0] if unit and size and size[0] else None for size in sizes]
    return (*(size if size and size < CREDIBLE else None for size in microns), None)


def _vendor(file: tifffile.TiffFile) -> str:
    return next((name for name in VENDORS if getattr(file, f"is_{name}", False)), "")
