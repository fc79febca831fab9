"""The voxels of a file that is being written: one after the other, uncompressed, the first axis fastest."""

from pathlib import Path
from typing import Any

import numpy as np

from imtrans.kit.images import Array


class RawVoxels:
    """Planes written into a file behind its header."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: "np.dtype[Any]", *, offset: int) -> None:
        """`shape`: three axes and the components; the file exists, of `offset` bytes."""
        self._path, self._shape, self.dtype, self._offset = path, shape, dtype, offset
        with path.open("r+b") as file:
            file.truncate(offset + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)

    def put(self, axis: int, position: int, component: int, values: Array) -> None:
        """Write a plane across an axis, its other two axes in order."""
        # Mapped anew for each plane: pages that stay mapped count as memory of the process.
        voxels = np.memmap(self._path, self.dtype, mode="r+", offset=self._offset, shape=self._shape, order="F")
        np.moveaxis(voxels[..., component], axis, 0)[position] = values
        voxels.flush()
        del voxels
