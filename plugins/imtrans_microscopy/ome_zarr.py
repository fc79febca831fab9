"""OME-Zarr, window by window: each level in chunks that are read alone."""

from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import ImageSpec, Raster
from imtrans.kit.images import Array
from imtrans.kit.pretrained import installed
from imtrans_microscopy.grid import grid_of
from imtrans_microscopy.pyramid import NO_NUMBERS, Pyramid, dtype_of, level_sizes
from imtrans_microscopy.zarr_slide import MANIFEST, ZarrSlide, is_zarr_slide

CHUNK = 512
COLORS = ("FF0000", "00FF00", "0000FF")
TYPES = {"T": {"type": "time"}, "C": {"type": "channel"}}


class OmeZarr:
    """The format: OME-Zarr 0.4 and 0.5 are read at one level, and 0.4, which more programs read, is written."""

    def __init__(self, *, level: int = 0, microns: float = 0.0) -> None:
        self._level, self._microns = level, microns

    def recognises(self, path: Path) -> bool:
        """Whether a folder is an OME-Zarr picture."""
        return is_zarr_slide(path)

    def open(self, path: Path, spec: ImageSpec) -> ZarrSlide:
        """A level of a picture with as many channels as the model takes. DataError for another number."""
        raster = ZarrSlide(path, level=self._level, microns=self._microns)
        if raster.channels != spec.channels:
            raise DataError(f"{path}: {raster.channels} channels; the model takes {spec.channels}")
        return raster

    def suffix(self, path: Path) -> str:  # noqa: ARG002 - the protocol's
        """Of every picture, OME-Zarr."""
        return ".ome.zarr"

    def create(self, path: Path, like: Raster, spec: ImageSpec) -> "OmeZarrWriter":
        """A folder of the same size, planes and size of pixels. ConfigError for another suffix than of Zarr."""
        if not path.name.lower().endswith(".zarr"):
            raise ConfigError(f"-o {path.name}: OME-Zarr is written as .ome.zarr", hint="Give FILE.ome.zarr.")
        return OmeZarrWriter(path, like, spec)


class OmeZarrWriter:
    """A picture with levels, for translations. Chunks without any valid pixel are not written; the others are counted,
    so that a reader can tell them from lost ones."""

    def __init__(self, path: Path, like: Raster, spec: ImageSpec) -> None:
        zarr: Any = installed("zarr", needed_by=str(path), extra="microscopy")
        self._like, self._spec, self._grid = like, spec, grid_of(like)
        self._dtype, self._sizes = dtype_of(spec), level_sizes(like.size)
        self._group: Any = zarr.open_group(path, mode="w", zarr_format=2)
        self._arrays: list[Any] = []
        self._counts = [0] * len(self._sizes)
        self._plane, self._whole_planes, self._pyramid = -1, 0, None

    _pyramid: Pyramid | None

    def write(self, rows: range, columns: range, values: Array, *, valid: Array | None = None, plane: int = 0) -> None:
        """Take a window, (h, w, C); the chunks that are complete with it are written."""
        if plane != self._plane:
            self._plane, is_labels = plane, self._spec.kind == "labels"
            self._pyramid = Pyramid(self._like.size, self._dtype, tile=CHUNK, is_labels=is_labels, emit=self._chunks)
        if not self._arrays:
            self._channels = values.shape[-1]
            self._arrays = [self._array(number, size) for number, size in enumerate(self._sizes)]
        assert self._pyramid
        notes = self._like.notes
        if valid is not None and not valid.all() and self._dtype.kind != "f" and isinstance(notes, list):
            notes += [NO_NUMBERS] if NO_NUMBERS not in notes else []
        self._pyramid.write(rows, columns, values, valid)
        self._whole_planes += self._pyramid.is_complete

    def close(self) -> None:
        """Say what the levels are; without that an incomplete picture is none."""
        if self._whole_planes == self._like.planes:
            counts = {str(number): count for number, count in enumerate(self._counts)}
            self._group.attrs.update({"multiscales": [self._scales()], MANIFEST: {"chunks": counts}, **self._colors()})

    @property
    def _axes(self) -> str:
        return "".join(axis for axis in "TCZYX" if axis in f"{self._grid.axes}CYX")

    def _array(self, number: int, size: tuple[int, int]) -> Any:
        from numcodecs import Blosc

        counts = dict(zip(self._grid.axes, self._grid.counts, strict=True))
        lengths = {**counts, "C": self._channels, "Y": size[0], "X": size[1]}
        return self._group.create_array(
            str(number),
            shape=tuple(lengths[axis] for axis in self._axes),
            chunks=tuple(min(CHUNK, lengths[axis]) if axis in "YX" else 1 for axis in self._axes),
            dtype=self._dtype,
            compressors=Blosc(cname="zstd", clevel=5),
            chunk_key_encoding={"name": "v2", "separator": "/"},
            # A chunk that is lost reads as this.
            fill_value=float("nan") if self._dtype.kind == "f" else 0,
            config={"write_empty_chunks": True},
        )

    def _chunks(self, level: int, top: int, values: Array, valid: Array | None) -> None:
        """Write a row of chunks."""
        numbers = np.unravel_index(self._plane, self._grid.counts) if self._grid.counts else ()
        where: dict[str, Any] = {axis: int(n) for axis, n in zip(self._grid.axes, numbers, strict=True)}
        where["Y"] = slice(top, top + len(values))
        for left in range(0, values.shape[1], CHUNK):
            if valid is not None and not valid[:, left : left + CHUNK].any():
                continue
            where["X"] = slice(left, left + CHUNK)
            for channel in range(self._channels):
                where["C"] = channel
                self._arrays[level][tuple(where[a] for a in self._axes)] = values[:, left : left + CHUNK, channel]
                self._counts[level] += 1

    def _scales(self) -> dict[str, Any]:
        units = {"Z": self._grid.depth, "Y": self._grid.microns, "X": self._grid.microns}
        axes = [
            {
                "name": axis.lower(),
                **TYPES.get(axis, {"type": "space"}),
                **({"unit": "micrometer"} if units.get(axis) else {}),
            }
            for axis in self._axes
        ]
        levels = [
            {"path": str(number), "coordinateTransformations": self._transformations(number)}
            for number in range(len(self._sizes))
        ]
        method = "nearest" if self._spec.kind == "labels" else "mean"
        return {"version": "0.4", "axes": axes, "datasets": levels, "type": method}

    def _transformations(self, level: int) -> list[dict[str, Any]]:
        """Where the middles of a level's pixels lie: each is that of a square of pixels of the first level."""
        y, x = self._grid.microns or (1.0, 1.0)
        origin = self._grid.origin or (0.0, 0.0)
        scale = {"T": 1.0, "C": 1.0, "Z": self._grid.depth or 1.0, "Y": y * 2**level, "X": x * 2**level}
        shift = {"Y": origin[0] + y * (2**level - 1) / 2, "X": origin[1] + x * (2**level - 1) / 2}
        return [
            {"type": "scale", "scale": [scale[axis] for axis in self._axes]},
            {"type": "translation", "translation": [shift.get(axis, 0.0) for axis in self._axes]},
        ]

    def _colors(self) -> dict[str, Any]:
        """How viewers are to show three channels of a picture; they would take them as three stains."""
        if self._channels != 3 or self._spec.kind != "image" or self._dtype.kind == "f":
            return {}
        high = int(np.iinfo(self._dtype).max)
        window = {"min": 0, "max": high, "start": 0, "end": high}
        return {"omero": {"channels": [{"color": color, "active": True, "window": window} for color in COLORS]}}
