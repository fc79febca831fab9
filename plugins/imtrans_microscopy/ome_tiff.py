"""OME-TIFF, window by window: slides and microscopy, with levels and the size of pixels."""

import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile

from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import ImageSpec, Raster
from imtrans.kit.images import Array
from imtrans_microscopy.grid import Grid, grid_of
from imtrans_microscopy.pyramid import NO_NUMBERS, Pyramid, dtype_of, level_sizes
from imtrans_microscopy.tiff_slide import TiffSlide, is_slide

TILE = 256
WRITTEN = (".ome.tif", ".ome.tiff", ".tif", ".tiff", ".btf")


class OmeTiff:
    """The format: TIFFs of slides are read at one level, and OME-TIFF with all levels is written."""

    def __init__(self, *, level: int = 0, microns: float = 0.0) -> None:
        self._level, self._microns = level, microns

    def recognises(self, path: Path) -> bool:
        """Whether a TIFF is OME-TIFF, of a slide scanner, or in tiles with levels."""
        return is_slide(path)

    def open(self, path: Path, spec: ImageSpec) -> TiffSlide:
        """A level of a slide with as many channels as the model takes. DataError for another number."""
        raster = TiffSlide(path, level=self._level, microns=self._microns)
        if raster.channels != spec.channels:
            raster.close()
            raise DataError(f"{path}: {raster.channels} channels; the model takes {spec.channels}")
        return raster

    def suffix(self, path: Path) -> str:  # noqa: ARG002 - the protocol's
        """Of every slide, OME-TIFF."""
        return ".ome.tif"

    def create(self, path: Path, like: Raster, spec: ImageSpec) -> "OmeTiffWriter":
        """A file of the same size, planes and size of pixels. ConfigError for another suffix than of TIFF."""
        if not path.name.lower().endswith(WRITTEN):
            raise ConfigError(f"-o {path.name}: a slide is written as .ome.tif", hint="Give a folder, or FILE.ome.tif.")
        return OmeTiffWriter(path, like, spec)


class OmeTiffWriter:
    """A BigTIFF with levels, for translations; those of colour have one page a plane, others one a channel.

    Tiles come level by level at the same time, and lie in a file one level after the other: compressed ones wait in a
    file beside it.
    """

    def __init__(self, path: Path, like: Raster, spec: ImageSpec) -> None:
        self._path, self._like, self._spec = path, like, spec
        self._grid: Grid = grid_of(like)
        self._dtype, self._pyramid = dtype_of(spec), None
        try:
            self._waiting = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 - closed with the writer
        except OSError as error:
            raise DataError(f"{path}: {error.strerror or error}") from None
        self._places: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
        self._plane, self._channels, self._whole_planes = -1, 0, 0

    _pyramid: Pyramid | None

    @property
    def _is_color(self) -> bool:
        return self._channels == 3 and self._dtype.kind != "f" and self._spec.kind == "image"

    def write(self, rows: range, columns: range, values: Array, *, valid: Array | None = None, plane: int = 0) -> None:
        """Take a window, (h, w, C); the tiles that are complete with it are compressed."""
        if plane != self._plane:
            is_labels = self._spec.kind == "labels"
            self._plane, self._channels = plane, values.shape[-1]
            self._pyramid = Pyramid(self._like.size, self._dtype, tile=TILE, is_labels=is_labels, emit=self._tiles)
        assert self._pyramid
        if valid is not None and self._dtype.kind != "f":
            self._note(valid)
        self._pyramid.write(rows, columns, values, valid)
        self._whole_planes += self._pyramid.is_complete

    def close(self) -> None:
        """Finish the file; what is not complete is left out."""
        try:
            if self._whole_planes == self._like.planes:
                self._finish()
        finally:
            self._waiting.close()

    def _note(self, valid: Array) -> None:
        if not valid.all() and NO_NUMBERS not in self._like.notes and isinstance(self._like.notes, list):
            self._like.notes.append(NO_NUMBERS)

    def _tiles(self, level: int, _top: int, values: Array, valid: Array | None) -> None:
        """Compress a row of tiles."""
        groups = [values] if self._is_color else np.split(values, self._channels, axis=-1)
        for number, group in enumerate(groups):
            places = self._places.setdefault((level, self._plane, number), [])
            for left in range(0, values.shape[1], TILE):
                is_empty = valid is not None and not valid[:, left : left + TILE].any()
                data = b"" if is_empty else _compressed(group[:, left : left + TILE])
                places.append((self._waiting.tell(), len(data)))
                self._waiting.write(data)

    def _finish(self) -> None:
        pages = 1 if self._is_color else self._channels
        sizes = level_sizes(self._like.size)
        common: dict[str, Any] = {
            "tile": (TILE, TILE),
            "compression": "adobe_deflate",
            "predictor": 1 if self._dtype.kind == "f" else 2,
            "photometric": "rgb" if self._is_color else "minisblack",
        }
        with tifffile.TiffWriter(self._path, bigtiff=True, ome=True) as file:
            for level, size in enumerate(sizes):
                axes, shape = self._axes(size, pages)
                more: dict[str, Any] = {"subfiletype": 1}
                if level == 0:
                    more = {
                        "subifds": len(sizes) - 1,
                        "metadata": {"axes": axes, **self._sizes()},
                        **self._resolution(),
                    }
                tiles = self._compressed_tiles(level, pages)
                file.write(tiles, shape=shape, dtype=self._dtype, **common, **more)

    def _axes(self, size: tuple[int, int], pages: int) -> tuple[str, tuple[int, ...]]:
        axes, shape = self._grid.axes, self._grid.counts
        if pages > 1:
            axes, shape = f"{axes}C", (*shape, pages)
        axes, shape = f"{axes}YX", (*shape, *size)
        return (f"{axes}S", (*shape, 3)) if self._is_color else (axes, shape)

    def _sizes(self) -> dict[str, Any]:
        grid = self._grid
        sizes = {"Y": grid.microns and grid.microns[0], "X": grid.microns and grid.microns[1], "Z": grid.depth}
        known = {axis: size for axis, size in sizes.items() if size}
        return {f"PhysicalSize{a}": s for a, s in known.items()} | {f"PhysicalSize{a}Unit": "µm" for a in known}

    def _resolution(self) -> dict[str, Any]:
        if not self._grid.microns:
            return {}
        y, x = self._grid.microns
        return {"resolution": (10_000 / x, 10_000 / y), "resolutionunit": "CENTIMETER"}

    def _compressed_tiles(self, level: int, pages: int) -> Iterator[bytes]:
        for plane in range(math.prod(self._grid.counts)):
            for number in range(pages):
                for place, length in self._places[level, plane, number]:
                    self._waiting.seek(place)
                    yield self._waiting.read(length)


def _compressed(part: Array) -> bytes:
    """A tile of (h, w, samples), at the border filled up with its last values, which compress well."""
    lacking = [(0, TILE - n) for n in part.shape[:2]]
    tile: Any = np.ascontiguousarray(np.pad(part, (*lacking, (0, 0)), mode="edge"))
    if tile.dtype.kind != "f":
        tile = imagecodecs.delta_encode(tile, axis=-2)
    return bytes(imagecodecs.deflate_encode(tile))
