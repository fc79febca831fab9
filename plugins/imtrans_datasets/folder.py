"""Pairs from files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import ConfigError, DataError, ShapeError
from imtrans.interfaces import Context, DataSpec, Pair
from imtrans.kit.bases import BaseDataset
from imtrans.kit.images import resize
from imtrans_datasets.components_folders import FolderOptions
from imtrans_datasets.file_index import Item, Listing
from imtrans_datasets.layout import find, find_two
from imtrans_datasets.side_readers import Labels, Pictures, Side

Array = np.ndarray[Any, Any]


class FolderOfPairs(BaseDataset):
    """Pairs side by side in one picture (A left, B right, split in the middle) or in two files (A, B).

    Channels and depth are those of the first pair; grey pictures among coloured ones are repeated to their channels.
    With `size`, what the loader asks for, pairs of two sizes are left to it; else the target takes the source's. With
    `skip_invalid` the first pair is the first that can be read.
    """

    def __init__(
        self,
        listing: Listing,
        options: FolderOptions | None = None,
        *,
        size: Sequence[int] = (),
        skip_invalid: bool = False,
    ) -> None:
        self.items, self.description = listing.items, listing
        self._options, self._size = options, size
        self._readers = self._side_readers(listing.items if skip_invalid else listing.items[:1])
        self.data_spec = DataSpec(source=self._readers[0].spec, target=self._readers[1].spec)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Pair:
        item = self.items[index]
        source, target = self._halves(item, self._readers)
        if source.shape[:2] != target.shape[:2]:
            target = self._resized(target, source, item)
        return Pair(source=source, target=target, key=item.key)

    def files(self, index: int) -> Sequence[Path]:
        """The files of a pair."""
        return self.items[index].files

    def _side_readers(self, items: Sequence[Item]) -> list[Side]:
        """The readers of both sides, as the first of these pairs is. Its DataError where none can be read."""
        errors: list[DataError] = []
        for item in items:
            try:
                readers = [_reader(side, item, self._options or FolderOptions()) for side in ("source", "target")]
                self._halves(item, readers)
            except DataError as error:
                errors.append(error)
            else:
                return readers
        raise errors[0]

    def _halves(self, item: Item, readers: Sequence[Side]) -> tuple[Array, Array]:
        first, second = readers
        files = item.files
        if len(files) == 2:
            return first.read(files[0]), second.read(files[1])
        whole = first.read(files[0])
        half, remainder = divmod(whole.shape[1], 2)
        if remainder or not half:
            raise ShapeError(
                f"{files[0]}: {whole.shape[1]} pixels wide: two halves side by side need an even width",
                hint="Crop one column, or remove the picture.",
            )
        other = whole if first.is_like(second) else second.read(files[0])
        return whole[:, :half], other[:, half:]

    def _resized(self, target: Array, source: Array, item: Item) -> Array:
        if not (self._options and self._options.resize_pairs):
            names = " and ".join(f"{f} ({_size(a)})" for f, a in zip(item.files, (source, target), strict=True))
            hint = "Resize the target: --set dataset.resize_pairs=true" if self._options else "Make them one size."
            raise ShapeError(f"the pair {names}: {_size(source)} and {_size(target)} pixels", hint=hint)
        if self._size:  # the loader resizes both sides to it
            return target
        is_labels = self.data_spec.target.kind == "labels"
        return resize(target, (source.shape[0], source.shape[1]), "nearest" if is_labels else "bilinear")


def folder(options: FolderOptions, context: Context) -> FolderOfPairs:
    """The data set `folder`."""
    return FolderOfPairs(_listing(options, context), options, size=context.size, skip_invalid=context.skip_invalid)


def _listing(options: FolderOptions, context: Context) -> Listing:
    two = (options.source, options.target)
    if options.path and any(two):
        raise ConfigError(
            f"dataset.path {options.path!r} and dataset.{'source' if two[0] else 'target'} {(two[0] or two[1])!r}: "
            "not both",
            hint="Give --dataset PATH, or --dataset folder with dataset.source and dataset.target.",
        )
    if any(two) and not all(two):
        present, missing = ("source", "target") if two[0] else ("target", "source")
        raise ConfigError(
            f"dataset.{present} {(two[0] or two[1])!r} is given without dataset.{missing}",
            hint=f"Give both: --set dataset.{missing}=PATH",
        )
    if all(two):
        source, target = (Path(p).expanduser() for p in two)
        return find_two(source, target, context.split, skip_invalid=context.skip_invalid)
    if not options.path:
        raise ConfigError("data set 'folder' needs its path", hint="Give it as --dataset PATH.")
    return find(Path(options.path).expanduser(), context.split, skip_invalid=context.skip_invalid)


def _reader(side: str, first: Item, options: FolderOptions) -> Side:
    file = first.files[0] if side == "source" else first.files[-1]
    if options.labels in (side, "both"):
        return Labels.like(file, classes=options.classes)
    range_ = options.source_range if side == "source" else options.target_range
    return Pictures.like(file, range_=range_, option=f"dataset.{side}_range")


def _size(picture: Array) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]}"
