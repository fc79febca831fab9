"""CIFAR-10 as its authors' binary version has it; nothing is unpickled."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import DataError
from imtrans.interfaces import Pair, Signals, Split

SIDE, COUNT = 32, 10_000
RECORD = 1 + 3 * SIDE * SIDE  # bytes: the class, then the red, green and blue planes
BATCHES: dict[Split, Sequence[str]] = {
    "train": [f"data_batch_{i}.bin" for i in range(1, 6)],
    "val": ["test_batch.bin"],
    "test": ["test_batch.bin"],
}


class Cifar10:
    """Photos of 32 x 32 pixels, source and target the same: 50,000 to train on, 10,000 that serve for the rest.

    Raises DataError, naming the file, for one that is missing or does not hold 10,000 whole records.
    """

    def __init__(self, folder: Path, split: Split) -> None:
        self.paths = [folder / name for name in BATCHES[split]]
        self._records = [_records(path) for path in self.paths]
        self.signals = Signals()
        self.notes = ("no val photos: test serves",) if split == "val" else ()

    def __len__(self) -> int:
        return COUNT * len(self.paths)

    def __getitem__(self, index: int) -> Pair:
        batch, row = divmod(range(len(self))[index], COUNT)
        planes = self._records[batch][row, 1:].reshape(3, SIDE, SIDE)
        photo = np.ascontiguousarray(planes.transpose(1, 2, 0))
        return Pair(source=photo, target=photo, key=f"{self.paths[batch].stem}-{row:04}")

    def files(self, index: int) -> Sequence[Path]:
        return [self.paths[range(len(self))[index] // COUNT]]


def _records(path: Path) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}", mend=_MEND) from None
    if size != COUNT * RECORD:
        raise DataError(f"{path}: has {size:,} bytes, not {COUNT:,} records of {RECORD:,}", mend=_MEND)
    return np.memmap(path, np.uint8, "r", shape=(COUNT, RECORD))


_MEND = "Delete its folder and fetch it again: imtrans data fetch cifar10"
