"""CIFAR-10 as its authors' binary version has it; nothing is unpickled."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import DatasetDescription, DataSpec, Pair, Split
from imtrans.kit.bases import BaseDataset
from imtrans.kit.dataset_paths import folder_of

SIDE, COUNT = 32, 10_000
RECORD = 1 + 3 * SIDE * SIDE  # bytes: the class, then the red, green and blue planes
BATCHES: dict[Split, Sequence[str]] = {
    "train": [f"data_batch_{i}.bin" for i in range(1, 6)],
    "val": ["test_batch.bin"],
    "test": ["test_batch.bin"],
}
ALL = COUNT * len(BATCHES["train"])


class Cifar10(BaseDataset):
    """Photos of 32 x 32 pixels, source and target the same: 50,000 to train on, 10,000 that serve for the rest.

    Of those to train on only the first `pictures` can be taken; the last `held` of these then serve for the rest, in
    the place of the 10,000. Only files that hold any of them are read. Raises ConfigError where nothing is left to
    train on; DataError, naming the file, for one that is missing or does not hold 10,000 whole records.
    """

    def __init__(self, folder: Path, split: Split, *, pictures: int = ALL, held: int = 0) -> None:
        if held >= pictures:
            raise ConfigError(
                f"data set 'cifar10': held {held:,} of {pictures:,} pictures leaves none to train on",
                hint="Use a lower dataset.held; the project that pencil2color follows has pictures=8000 and held=36.",
            )
        is_training_file = split == "train" or held > 0
        first = 0 if split == "train" or not held else pictures - held
        # Counted over all files of the split: those after its end are not opened.
        self._rows = range(first, (pictures - held if split == "train" else pictures) if is_training_file else COUNT)
        names = BATCHES["train" if is_training_file else split][: -(-self._rows.stop // COUNT)]
        self.paths = [folder / name for name in names]
        self._records = [_records(path) for path in self.paths]
        self.data_spec = DataSpec()
        self.description = DatasetDescription(notes=_notes(split, pictures, held=held))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Pair:
        batch, row = divmod(self._rows[index], COUNT)
        planes = self._records[batch][row, 1:].reshape(3, SIDE, SIDE)
        photo = np.ascontiguousarray(planes.transpose(1, 2, 0))
        return Pair(source=photo, target=photo, key=self.key(index))

    def key(self, index: int) -> str:
        """The batch file and the row of a photo."""
        batch, row = divmod(self._rows[index], COUNT)
        return f"{self.paths[batch].stem}-{row:04}"

    def files(self, index: int) -> Sequence[Path]:
        """The batch file that holds a sample."""
        return [self.paths[self._rows[index] // COUNT]]


def _notes(split: Split, pictures: int, *, held: int) -> tuple[str, ...]:
    if held:
        return (f"of the first {pictures:,} training photos the last {held:,} are held back: they are val and test",)
    return ("no val photos: test serves",) if split == "val" else ()


def _records(path: Path) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}", hint=_hint(path)) from None
    if size != COUNT * RECORD:
        raise DataError(f"{path}: has {size:,} bytes, not {COUNT:,} records of {RECORD:,}", hint=_hint(path))
    return np.memmap(path, np.uint8, "r", shape=(COUNT, RECORD))


def _hint(path: Path) -> str:
    # What lies elsewhere is the user's own: nobody but they may say that it can go.
    if path.is_relative_to(folder_of("cifar10")):
        return "Delete its folder and fetch it again: imtrans data fetch cifar10"
    return "Take another copy of it, or fetch one and leave the root out: imtrans data fetch cifar10"
