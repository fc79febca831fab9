"""Pairs of GeoTIFF scenes, of which windows are drawn to train on."""

import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import DataError, join_names
from imtrans.interfaces import DatasetContext, DatasetDescription, DataSpec, ImageSpec, Pair
from imtrans.kit.bases import BaseDataset
from imtrans.kit.images import Array
from imtrans.kit.images.conform import conform, spec_of
from imtrans.kit.images.masks import MASK, MASK_SPEC
from imtrans_geo.geotiff import GeoRaster

SUFFIXES = (".tif", ".tiff")
TRIES = 16  # windows that are looked at for one with enough pixels
OPEN = 32  # scenes that a process keeps open


@dataclass(frozen=True)
class Scene:
    """Two files of one place, and the name that they share."""

    name: str
    source: Path
    target: Path


class Scenes(BaseDataset):
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
        self._scenes, is_undivided = scenes_of(Path(path).expanduser(), context.split)
        self._windows, self._least = windows, least
        self._size = (context.size[0], context.size[-1]) if context.size else (256, 256)
        self._open: dict[Path, GeoRaster] = {}
        self._process = os.getpid()
        self.is_drawn = context.split == "train"
        present = context.data_spec or DataSpec(
            source=self._spec("source", source_range), target=self._spec("target", target_range)
        )
        self.data_spec = replace(present, extras={MASK: MASK_SPEC})
        for scene in self._scenes:
            self._check(scene)
        self.description = DatasetDescription(
            layout=f"{len(self._scenes)} pairs of scenes, {windows} windows of each",
            sides=("A", "B"),
            is_undivided=is_undivided,
            group_of=lambda key: key.rpartition("@")[0],
        )

    def __len__(self) -> int:
        return len(self._scenes) * self._windows

    def __getitem__(self, index: int) -> Pair:
        return self.drawn(index, zlib.crc32(self.key(index).encode()))

    def key(self, index: int) -> str:
        """The name of the scene and the number of the window."""
        return f"{self._scenes[index // self._windows].name}@{index % self._windows}"

    def files(self, index: int) -> Sequence[Path]:
        """Both files of the scene."""
        scene = self._scenes[index // self._windows]
        return scene.source, scene.target

    def drawn(self, index: int, number: int) -> Pair:
        """A window that follows from the number: the first of a few that has enough pixels, or the one with most."""
        scene, best = self._scenes[index // self._windows], -1.0
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

    def _places(self, scene: Scene, number: int) -> Iterator[tuple[range, range]]:
        random = np.random.Generator(np.random.Philox(key=[number, zlib.crc32(b"scenes")]))
        size = self._raster(scene.source).size
        for _ in range(TRIES):
            starts = [int(random.integers(0, n - wanted + 1)) for n, wanted in zip(size, self._size, strict=True)]
            rows, columns = (range(s, s + wanted) for s, wanted in zip(starts, self._size, strict=True))
            yield rows, columns

    def _valid(self, scene: Scene, rows: range, columns: range) -> Array:
        whole: Array = np.ones((len(rows), len(columns)), bool)
        for path in (scene.source, scene.target):
            valid = self._raster(path).valid(rows, columns)
            whole = whole if valid is None else whole & valid
        return whole

    def _part(self, path: Path, side: str, rows: range, columns: range) -> Array:
        raster, spec = self._raster(path), getattr(self.data_spec, side)
        values, valid = raster.read(rows, columns), raster.valid(rows, columns)
        if valid is not None:
            values = np.where(valid[..., None], values, np.asarray(spec.low, values.dtype))
        return conform(values, spec, bits=raster.bits, name=str(path), option=f"dataset.{side}_range=[LOW,HIGH]")

    def _spec(self, side: str, limits: tuple[float, ...]) -> ImageSpec:
        """What a side is read as: the bands and the type of the first scene, and its range."""
        path: Path = getattr(self._scenes[0], side)
        raster = self._raster(path)
        spec = spec_of(channels=raster.channels, bits=raster.bits)
        if limits:
            return replace(spec, low=float(limits[0]), high=float(limits[-1]), clips=True)
        if raster.is_float:
            hint = f"Say which values mean the ends of the range: --set dataset.{side}_range=[LOW,HIGH]"
            raise DataError(f"{path}: values of {raster.dtype}", hint=hint)
        return spec

    def _check(self, scene: Scene) -> None:
        """DataError where two files do not lie on each other, or are smaller than a window."""
        one, two = self._raster(scene.source), self._raster(scene.target)
        if (one.size, one.transform, one.file.crs) != (two.size, two.transform, two.file.crs):
            what = f"{scene.source} and {scene.target}: differ in size, transform or coordinate system"
            raise DataError(what, hint="Bring both to one grid: gdalwarp -t_srs ... -te ... -ts ...")
        if any(n < wanted for n, wanted in zip(one.size, self._size, strict=True)):
            size, wanted = (" x ".join(map(str, s)) for s in (one.size, self._size))
            raise DataError(f"{scene.source}: {size} pixels, and windows are {wanted}", hint="Set data.size smaller.")

    def _raster(self, path: Path) -> GeoRaster:
        if self._process != os.getpid():  # files of the library that were opened before a fork share their places
            self._open, self._process = {}, os.getpid()
        if path not in self._open:
            if len(self._open) >= OPEN:
                self._open.pop(next(iter(self._open))).close()
            self._open[path] = GeoRaster(path)
        return self._open[path]


def scenes_of(folder: Path, split: str) -> tuple[list[Scene], bool]:
    """The pairs of a split, and whether all splits are one: of folder/train/A and B (and val, test), or folder/A and B.

    DataError where there are none, or a file has no partner.
    """
    divided = folder / split
    if not divided.is_dir() and (folder / "train").is_dir():
        if split == "test":
            return scenes_of(folder, "val")
        raise DataError(f"{folder}: holds no folder {split}", hint="Give folders train and val, each with A and B.")
    top = divided if divided.is_dir() else folder
    sides = [_named(top / side) for side in ("A", "B")]
    if alone := set(sides[0]) ^ set(sides[1]):
        raise DataError(f"{top}: {join_names(alone, most=3)} without a partner in A or B")
    if not sides[0]:
        raise DataError(f"{top}: no scenes", hint="Give folders A and B with GeoTIFFs of the same names.")
    return [Scene(name, path, sides[1][name]) for name, path in sides[0].items()], top == folder


def _named(folder: Path) -> Mapping[str, Path]:
    files = sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    return {p.stem: p for p in files}


def scenes(*, context: DatasetContext, **options: Any) -> Scenes:
    """The data set of a path. DataError without one."""
    if not options["path"]:
        raise DataError("no scenes are named", hint="--set dataset.path=FOLDER")
    return Scenes(context=context, **options)
