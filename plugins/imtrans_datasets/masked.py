"""Pairs with a mask each, which says where they are compared."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from imtrans.errors import DataError
from imtrans.interfaces import Dataset, Pair
from imtrans.kit.bases import DatasetWrapper
from imtrans.kit.images.masks import MASK, MASK_SPEC, mask_file, read_mask


class Masked(DatasetWrapper):
    """Pairs from files, each with the mask that a folder holds under the name of its source."""

    def __init__(self, inner: Dataset, folder: Path) -> None:
        super().__init__(inner)
        if not folder.is_dir():
            raise DataError(f"dataset.masks {folder}: no such folder", hint="Give the folder of the masks.")
        self._folder = folder
        self.data_spec = replace(inner.data_spec, extras={**inner.data_spec.extras, MASK: MASK_SPEC})

    def __getitem__(self, index: int) -> Pair:
        pair = self.inner[index]
        file = mask_file(Path(self.inner.files(index)[0]), self._folder)
        return replace(pair, extras={**pair.extras, MASK: read_mask(file, pair.source.shape[:2])})

    def files(self, index: int) -> Sequence[Path]:
        """The files of a pair, its mask after the source."""
        files = [*self.inner.files(index)]
        with contextlib.suppress(DataError):  # reading the pair says so
            files.insert(1, mask_file(Path(files[0]), self._folder))
        return files
