"""Windows of slices of one side of a data set, from volumes that stay open."""

import os
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imtrans.interfaces import ImageSpec
from imtrans.kit.images import Array
from imtrans.kit.images.conform import conform
from imtrans_medical.opening import open_volume
from imtrans_medical.volume import VolumeRaster

OPEN = 16  # volumes of a side that a process keeps open


class Place(NamedTuple):
    """A window of a slice; it may begin before row or column 0 where a slice is smaller than a window."""

    number: int
    row: int
    column: int


class Windows:
    """Windows of one size, read as a specification says; `side` names it."""

    def __init__(self, side: str, spec: ImageSpec, size: tuple[int, int]) -> None:
        self.spec, self._size, self._option = spec, size, f"dataset.{side}_range=[LOW,HIGH]"
        self._open: OrderedDict[Path, VolumeRaster] = OrderedDict()
        self._process = os.getpid()

    def raster(self, path: Path) -> VolumeRaster:
        """A volume, opened where it is not."""
        if self._process != os.getpid():  # files that were opened before a fork share their places
            self._open, self._process = OrderedDict(), os.getpid()
        if path not in self._open:
            if len(self._open) >= OPEN:
                self._open.popitem(last=False)[1].close()
            self._open[path] = VolumeRaster(open_volume(path), self.spec)
        self._open.move_to_end(path)
        return self._open[path]

    def read(self, path: Path, place: Place) -> tuple[Array, Array]:
        """A window, (h, w, C), and where it has values, (h, w): not beyond the slice."""
        raster, low, starts = self.raster(path), self.spec.low, (place.row, place.column)
        rows, columns = (
            range(max(0, s), min(n, s + w)) for s, n, w in zip(starts, raster.size, self._size, strict=True)
        )
        values = raster.read(rows, columns, plane=place.number)
        valid = raster.valid(rows, columns, plane=place.number)
        inside: Array = np.ones((len(rows), len(columns)), bool) if valid is None else valid
        values = np.where(inside[..., None], values, np.asarray(low, values.dtype))
        values = conform(values, self.spec, bits=raster.bits, name=raster.volume.name, option=self._option)
        before = [max(0, -s) for s in starts]
        around = [(b, w - len(r) - b) for b, w, r in zip(before, self._size, (rows, columns), strict=True)]
        return np.pad(values, [*around, (0, 0)], constant_values=low), np.pad(inside, around)
