"""Pairs of GeoTIFF scenes, of which windows are drawn to train on."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import DataError
from imtrans.interfaces import DatasetContext, DatasetDescription, DataSpec, ImageSpec, Pair
from imtrans.kit.images import Array
from imtrans.kit.images.conform import conform, spec_of_raster
from imtrans.kit.images.masks import MASK, MASK_SPEC
from imtrans.kit.pairing.drawn_pairs import DrawnPairs, OpenFiles
from imtrans.kit.pairing.sides import SidePair, side_pairs
from imtrans_geo.geotiff import GeoRaster

SUFFIXES = (".tif", ".tiff")
TRIES = 16  # windows that are looked at for one with enough pixels
OPEN = 32  # scenes that a process keeps open


class Scenes(DrawnPairs):
    """`windows` windows an epoch of each pair of scenes, drawn anew each time in training, and always the same else.

    A scene is in one split as a whole. Where either side has no value the pair has a mask of 0.
    """

    def __init__(
        self,
        *,
        path: str,
        windows: int,
        least: float,
        source_range: tuple[float, ...],
        target_range: tuple[float, ...],
        context: DatasetContext,
    ) -> None:
        pairs, is_undivided = side_pairs(Path(path).expanduser(), context.split, _named, kind="scenes")
        super().__init__(pairs, each=windows)
        self._least = least
        self._size = (context.size[0], context.size[-1]) if context.size else (256, 256)
        self._rasters = OpenFiles(GeoRaster, most=OPEN)
        self.is_drawn = context.split == "train"
        present = context.data_spec or DataSpec(
            source=self._spec("source", source_range), target=self._spec("target", target_range)
        )
        self.data_spec = replace(present, extras={MASK: MASK_SPEC})
        for scene in pairs:
            self._check(scene)
        self.description = DatasetDescription(
            layout=f"{len(pairs)} pairs of scenes, {windows} windows of each",
            sides=("A", "B"),
            is_undivided=is_undivided,
            group_of=lambda key: key.rpartition("@")[0],
        )

    def drawn(self, index: int, number: int) -> Pair:
        """A window that follows from the number: the first of a few that has enough pixels, or the one with most."""
        scene, best = self.pair(index), -1.0
        chosen = (range(0), range(0))
        valid: Array = np.zeros(0)
        for window in self._places(scene, number):
            mask = self._valid(scene, *window)
            if mask.mean() > best:
                best, chosen, valid = float(mask.mean()), window, mask
            if best >= self._least:
                break
        sides = {side: self._part(getattr(scene, side), side, *chosen) for side in ("source", "target")}
        return Pair(**sides, key=self.key(index), extras={MASK: valid.astype(np.uint8)[..., None]})

    def _places(self, scene: SidePair, number: int) -> Iterator[tuple[range, range]]:
        random = np.random.Generator(np.random.Philox(key=[number, zlib.crc32(b"scenes")]))
        size = self._rasters[scene.source].size
        for _ in range(TRIES):
            starts = [int(random.integers(0, n - wanted + 1)) for n, wanted in zip(size, self._size, strict=True)]
            rows, columns = (range(s, s + wanted) for s, wanted in zip(starts, self._size, strict=True))
            yield rows, columns

    def _valid(self, scene: SidePair, rows: range, columns: range) -> Array:
        whole: Array = np.ones((len(rows), len(columns)), bool)
        for path in (scene.source, scene.target):
            valid = self._rasters[path].valid(rows, columns)
            whole = whole if valid is None else whole & valid
        return whole

    def _part(self, path: Path, side: str, rows: range, columns: range) -> Array:
        raster, spec = self._rasters[path], getattr(self.data_spec, side)
        values, valid = raster.read(rows, columns), raster.valid(rows, columns)
        if valid is not None:
            values = np.where(valid[..., None], values, np.asarray(spec.low, values.dtype))
        return conform(values, spec, bits=raster.bits, name=str(path), option=f"dataset.{side}_range=[LOW,HIGH]")

    def _spec(self, side: str, limits: tuple[float, ...]) -> ImageSpec:
        """What a side is read as: the bands and the type of the first scene, and its range."""
        path: Path = getattr(self.pairs[0], side)
        raster = self._rasters[path]
        stored, option = str(raster.dtype) if raster.is_float else "", f"dataset.{side}_range"
        return spec_of_raster(raster, limits, stored=stored, name=str(path), option=option)

    def _check(self, scene: SidePair) -> None:
        """DataError where two files do not lie on each other, or are smaller than a window."""
        one, two = self._rasters[scene.source], self._rasters[scene.target]
        if (one.size, one.transform, one.file.crs) != (two.size, two.transform, two.file.crs):
            what = f"{scene.source} and {scene.target}: differ in size, transform or coordinate system"
            raise DataError(what, hint="Bring both to one grid: gdalwarp -t_srs ... -te ... -ts ...")
        if any(n < wanted for n, wanted in zip(one.size, self._size, strict=True)):
            size, wanted = (" x ".join(map(str, s)) for s in (one.size, self._size))
            raise DataError(f"{scene.source}: {size} pixels, and windows are {wanted}", hint="Set data.size smaller.")


def _named(folder: Path) -> Mapping[str, Path]:
    files = sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    return {p.stem: p for p in files}


def scenes(*, context: DatasetContext, **options: Any) -> Scenes:
    """The data set of a path. DataError without one."""
    if not options["path"]:
        raise DataError("no scenes are named", hint="--set dataset.path=FOLDER")
    return Scenes(context=context, **options)
