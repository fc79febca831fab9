"""Windows of slices of one side of a data set, from volumes that stay open."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from imtrans.interfaces import ImageSpec
from imtrans.kit.images import Array
from imtrans.kit.images.conform import conform
from imtrans.kit.pairing.drawn_pairs import OpenFiles
from imtrans_medical.opening import open_volume
from imtrans_medical.volume import VolumeRaster

OPEN = 64  # volumes of a side that a process keeps open, each with a few slices in memory


class Place(NamedTuple):
    """Where a window, or a block of slices, begins: before 0 where the volume is smaller."""

    number: int
    row: int
    column: int


class Windows:
    """Windows of one size, read as a specification says; `side` names it. Of volumes blocks of `depth` slices."""

    def __init__(self, side: str, spec: ImageSpec, size: tuple[int, int], *, depth: int) -> None:
        self.spec, self._size, self._depth = spec, size, depth
        self._option = f"dataset.{side}_range=[LOW,HIGH]"
        self._rasters = OpenFiles(lambda path: VolumeRaster.opened(open_volume(path), spec), most=OPEN)

    def raster(self, path: Path) -> VolumeRaster:
        """A volume, opened where it is not."""
        return self._rasters[path]

    def read(self, path: Path, place: Place) -> tuple[Array, Array]:
        """A window, (h, w, C), and where it has values, (h, w): not beyond the slice. Of volumes a block, (d, ...)."""
        if not self.spec.is_volume:
            return self._window(path, place)
        numbers = range(place.number, place.number + self._depth)
        windows = [self._window(path, place._replace(number=number)) for number in numbers]
        return np.stack([values for values, _ in windows]), np.stack([inside for _, inside in windows])

    def _window(self, path: Path, place: Place) -> tuple[Array, Array]:
        raster, low, starts = self.raster(path), self.spec.low, (place.row, place.column)
        rows, columns = (
            range(max(0, s), min(n, s + w)) for s, n, w in zip(starts, raster.size, self._size, strict=True)
        )
        number = min(max(place.number, 0), raster.slices - 1)
        values, valid = raster.read(rows, columns, plane=number), raster.valid(rows, columns, plane=number)
        inside: Array = np.full((len(rows), len(columns)), number == place.number)
        inside &= True if valid is None else valid
        values = np.where(inside[..., None], values, np.asarray(low, values.dtype))
        values = conform(values, self.spec, bits=raster.bits, name=raster.volume.name, option=self._option)
        before = [max(0, -s) for s in starts]
        around = [(b, w - len(r) - b) for b, w, r in zip(before, self._size, (rows, columns), strict=True)]
        return np.pad(values, [*around, (0, 0)], constant_values=low), np.pad(inside, around)
