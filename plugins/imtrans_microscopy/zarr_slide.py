"""Slides in OME-Zarr: which folders are some, their levels and the size of their pixels, and their windows."""

import json
import math
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import DataError
from imtrans.kit.images import Array
from imtrans.kit.pretrained import installed
from imtrans_microscopy.grid import MICRONS, Grid, chosen_level, level_grid

MANIFEST = "imtrans"  # the attribute in which a translation says how many chunks it has


def is_zarr_slide(path: Path) -> bool:
    """Whether a folder is an OME-Zarr picture, of version 0.4 (Zarr 2) or 0.5 (Zarr 3)."""
    return _attributes(path) is not None


class ZarrSlide:
    """A level of an open picture; its planes are slices and points of time.

    DataError where chunks of a file that tells their number are lost: zarr itself reads them as 0.
    """

    def __init__(self, path: Path, *, level: int = 0, microns: float = 0.0) -> None:
        zarr: Any = installed("zarr", needed_by=str(path), extra="microscopy")
        self.path, self.notes = path, list[str]()
        attributes = _attributes(path)
        if attributes is None:
            raise DataError(f"{path}: is no OME-Zarr picture", hint="Its attributes have no multiscales.")
        try:
            self._open(zarr.open_group(path, mode="r"), attributes, level, microns)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise DataError(f"{path}: broken ({error})", hint="Copy the whole folder again.") from None

    def _open(self, group: Any, attributes: Mapping[str, Any], level: int, microns: float) -> None:
        scales = attributes["multiscales"][0]
        # Before version 0.4 axes were names alone.
        axes = [axis if isinstance(axis, str) else axis["name"] for axis in scales.get("axes", "tczyx")]
        names = [each["path"] for each in scales["datasets"]]
        arrays = [group[name] for name in names]
        self._axes = "".join(axes).upper()
        self.sizes = [self._size(array) for array in arrays]
        grid = _first_grid(scales, self._axes, arrays[0])
        chosen = self.number = chosen_level(self.path, self.sizes, grid, level=level, microns=microns)
        self.grid, self._array = level_grid(grid, self.sizes, chosen), arrays[chosen]
        self.size, self.planes = self.sizes[chosen], math.prod(grid.counts)
        self.channels = int(self._array.shape[self._axes.index("C")]) if "C" in self._axes else 1
        self.dtype = np.dtype(self._array.dtype).newbyteorder("=")
        if set(self._axes) - set("TCZYX") or self.dtype.kind not in "iuf":
            raise DataError(f"{self.path}: axes {self._axes} of {self.dtype}", hint="Save whole numbers or floats.")
        # What is neither of 8 nor of 16 bits without a sign is read as floats, with a range of one's own.
        self.is_float = self.dtype not in (np.uint8, np.uint16)
        self.bits = 32 if self.is_float else 8 * self.dtype.itemsize
        if grid.microns is None:
            self.notes.append("does not say how large its pixels are, nor will the translation")
        self._folder: Path = self.path / str(names[chosen])
        counts = attributes.get(MANIFEST, {}).get("chunks", {})
        self._is_counted = names[chosen] in counts
        if self._is_counted:
            self._check_chunks(int(counts[names[chosen]]))

    def read(self, rows: range, columns: range, *, plane: int = 0) -> Array:
        """The stored values of a window, (h, w, C)."""
        at = self._at(plane, slice(rows.start, rows.stop), slice(columns.start, columns.stop))
        try:
            values = np.asarray(self._array[at])
        except (ValueError, RuntimeError, OSError) as error:
            where = f"rows {rows.start} to {rows.stop}, columns {columns.start} to {columns.stop}"
            raise DataError(f"{self.path}: broken at {where} ({error})") from None
        if "C" in self._axes:
            left = [axis for axis in self._axes if axis in "CYX"]
            values = values.transpose([left.index(axis) for axis in "YXC"])
        else:
            values = values[..., None]
        return values.astype(np.float32 if self.is_float else self.dtype, copy=False)

    def valid(self, rows: range, columns: range, *, plane: int = 0) -> Array | None:
        """Where there are chunks, in files that count them, and numbers in all channels; None: everywhere."""
        valid = self._written(rows, columns, plane) if self._is_counted else None
        if self.dtype.kind == "f":
            numbers = np.isfinite(self.read(rows, columns, plane=plane))
            valid = np.logical_and.reduce(numbers if valid is None else numbers & valid[..., None], axis=-1)
        return valid

    def close(self) -> None:
        """Nothing stays open."""

    def _at(self, plane: int, rows: Any, columns: Any, channels: Any = slice(None)) -> tuple[Any, ...]:
        numbers = np.unravel_index(plane, self.grid.counts) if self.grid.counts else ()
        where = {axis: int(n) for axis, n in zip(self.grid.axes, numbers, strict=True)}
        where |= {"Y": rows, "X": columns, "C": channels}
        return tuple(where[axis] for axis in self._axes)

    def _size(self, array: Any) -> tuple[int, int]:
        return int(array.shape[self._axes.index("Y")]), int(array.shape[self._axes.index("X")])

    def _chunk(self, place: tuple[int, ...]) -> Path:
        return self._folder / str(self._array.metadata.encode_chunk_key(place))

    def _written(self, rows: range, columns: range, plane: int) -> Array | None:
        """Where a window has chunks in all channels; None: everywhere."""
        sides = dict(zip(self._axes, self._array.chunks, strict=True))
        high, wide = sides["Y"], sides["X"]
        ranges = (
            range(rows.start // high, -(-rows.stop // high)),
            range(columns.start // wide, -(-columns.stop // wide)),
            range(-(-self.channels // sides.get("C", 1))),
        )
        whole: Array | None = None
        for y, x, channel in product(*ranges):
            if not self._chunk(self._at(plane, y, x, channel)).exists():
                whole = np.ones((len(rows), len(columns)), bool) if whole is None else whole
                top, left = max(y * high - rows.start, 0), max(x * wide - columns.start, 0)
                whole[top : (y + 1) * high - rows.start, left : (x + 1) * wide - columns.start] = False
        return whole

    def _check_chunks(self, count: int) -> None:
        present = sum(1 for file in self._folder.rglob("*") if file.is_file() and not file.name.startswith("."))
        if present < count:
            what = f"{self.path}: {count - present} of {count} chunks of level {self._folder.name} are lost"
            raise DataError(what, hint="Copy the whole folder again.")


def _first_grid(scales: Mapping[str, Any], names: str, array: Any) -> Grid:
    """The grid of the first level, whose axes have these names, of the units and the transformations of the file."""
    axes = {axis["name"].upper(): axis for axis in scales["axes"] if not isinstance(axis, str)}
    steps, shift = np.ones(len(names)), np.zeros(len(names))
    first = scales["datasets"][0].get("coordinateTransformations", [])
    for each in (*first, *scales.get("coordinateTransformations", [])):
        steps, shift = steps * each.get("scale", 1.0), shift * each.get("scale", 1.0) + each.get("translation", 0.0)
    units = {a: MICRONS.get(axes.get(a, {}).get("unit", "")) for a in "ZYX"}
    of = {a: names.index(a) for a in names}
    size = {a: float(steps[of[a]]) * unit if a in of and unit else None for a, unit in units.items()}
    place = {a: float(shift[of[a]]) * (unit or 0) for a, unit in units.items() if a in of}
    counts = {a: int(array.shape[of[a]]) for a in "TZ" if a in of}
    return Grid(
        axes="".join(counts),
        counts=tuple(counts.values()),
        microns=(size["Y"], size["X"]) if size["Y"] and size["X"] else None,
        depth=size["Z"],
        origin=(place["Y"], place["X"]) if units["Y"] and units["X"] else None,
    )


def _attributes(path: Path) -> Mapping[str, Any] | None:
    """The attributes of an OME-Zarr picture; None for anything else."""
    for name in (".zattrs", "zarr.json"):
        try:
            found = json.loads((path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        attributes = found.get("attributes", {}) if name == "zarr.json" else found
        scales = attributes.get("ome", attributes)
        if isinstance(scales, dict) and scales.get("multiscales"):
            return {**attributes, "multiscales": scales["multiscales"]}
    return None
