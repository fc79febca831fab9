"""Pairs with a mask each, which says where they are compared."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from imtrans.errors import DataError
from imtrans.interfaces import Dataset, Pair
from imtrans.kit.bases import DatasetWrapper
from imtrans.kit.images import resize
from imtrans.kit.images.array import Array
from imtrans.kit.images.decode import Opacities, recorded_opacity
from imtrans.kit.images.masks import MASK, MASK_SPEC, mask_file, read_mask
from imtrans_datasets.pairing.file_index import Item


class WithAlpha(DatasetWrapper):
    """Pairs from files, each with a mask of the places where both of its pictures are opaque."""

    def __init__(self, inner: Dataset, items: Sequence[Item]) -> None:
        super().__init__(inner)
        spec = inner.data_spec
        self._items, self._pictures = items, [side.kind != "labels" for side in (spec.source, spec.target)]
        self.data_spec = replace(inner.data_spec, extras={**inner.data_spec.extras, MASK: MASK_SPEC})

    def __getitem__(self, index: int) -> Pair:
        with recorded_opacity() as recorded:
            pair = self.inner[index]
        return _masked(pair, *self._masks(self._items[index], recorded))

    def _masks(self, item: Item, recorded: Opacities) -> Iterator[Array]:
        files, parts = (item.files[0], item.files[-1]), item.parts or (None, None)
        for is_picture, file, part in zip(self._pictures, files, parts, strict=True):
            mask = recorded.get((str(file), part.page if part else None)) if is_picture else None
            if mask is not None:
                yield part.cut(mask, name=str(file)) if part else mask


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
        return _masked(pair, read_mask(file, pair.source.shape[:2]))

    def files(self, index: int) -> Sequence[Path]:
        """The files of a pair, its mask after the source."""
        files = [*self.inner.files(index)]
        with contextlib.suppress(DataError):  # reading the pair says so
            files.insert(1, mask_file(Path(files[0]), self._folder))
        return files


def _masked(pair: Pair, *masks: Array) -> Pair:
    """The pair compared where all these masks, and one that it has, are not 0."""
    size = pair.source.shape[:2]
    whole = pair.extras.get(MASK, np.ones((*size, 1), np.uint8))
    for mask in masks:  # of a target that was resized, with it
        whole = whole * (mask if mask.shape[:2] == size else resize(mask, size, "nearest"))
    return replace(pair, extras={**pair.extras, MASK: whole})
