"""The voxels of a file that is being written: one after the other, uncompressed, the first axis fastest."""

from pathlib import Path
from typing import Any

import numpy as np

from imtrans.kit.images import Array
from imtrans_medical.volume import plane_across


class RawVoxels:
    """Planes written into a file behind its header."""

    def __init__(
        self, path: Path, shape: tuple[int, ...], dtype: "np.dtype[Any]", *, offset: int, is_interleaved: bool = False
    ) -> None:
        """`shape`: three axes and the components, which are interleaved, or come one after the other; the file exists,
        of `offset` bytes."""
        self._path, self._shape, self.dtype, self._offset = path, shape, dtype, offset
        self._is_interleaved = is_interleaved
        with path.open("r+b") as file:
            file.truncate(offset + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)

    def put(self, axis: int, position: int, component: int, values: Array) -> None:
        """Write a plane across an axis, its other two axes in order."""
        voxels = self._mapped()
        np.moveaxis(voxels[..., component], axis, 0)[position] = values

    def plane(self, axis: int, position: int, component: int) -> Array:
        """A plane that was written."""
        return plane_across(self._mapped()[..., component], axis, position)

    def _mapped(self) -> Any:
        # Anew for each plane: pages that stay mapped count as memory of the process.
        shape = (self._shape[3], *self._shape[:3]) if self._is_interleaved else self._shape
        voxels = np.memmap(self._path, self.dtype, mode="r+", offset=self._offset, shape=shape, order="F")
        return np.moveaxis(voxels, 0, -1) if self._is_interleaved else voxels
