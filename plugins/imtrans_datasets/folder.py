"""Pairs from files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import ConfigError, ShapeError
from imtrans.interfaces import Context, Pair, Signal, Signals
from imtrans.kit.images import decode, with_channels
from imtrans_datasets import FolderOptions
from imtrans_datasets.layout import Item, Listing, find

Array = np.ndarray[Any, Any]


class FolderOfPairs:
    """Pairs side by side in one picture (A left, B right, split in the middle) or in two folders (A, B).

    Channels and depth are those of the first pair; grey pictures among coloured ones are repeated to their channels.
    """

    def __init__(self, listing: Listing) -> None:
        self.items, self.notes = listing.items, listing.notes
        source, target = _read(self.items[0])
        self.signals = Signals(source=_signal(source), target=_signal(target))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Pair:
        item = self.items[index]
        source, target = _read(item)
        if source.shape[:2] != target.shape[:2]:
            raise ShapeError(f"the pair is {_size(source)} and {_size(target)} pixels", mend="Both must have one size.")
        return Pair(
            source=with_channels(source, self.signals.source.channels, name=item.key),
            target=with_channels(target, self.signals.target.channels, name=item.key),
            key=item.key,
        )

    def files(self, index: int) -> Sequence[Path]:
        return self.items[index].files


def folder(options: FolderOptions, context: Context) -> FolderOfPairs:
    """The data set `folder`."""
    if not options.path:
        raise ConfigError("data set 'folder' needs its path", mend="Give it as --dataset PATH.")
    return FolderOfPairs(find(Path(options.path).expanduser(), context.split))


def _read(item: Item) -> tuple[Array, Array]:
    pictures = [decode(file) for file in item.files]
    if len(pictures) == 2:
        return pictures[0], pictures[1]
    whole, half = pictures[0], pictures[0].shape[1] // 2
    if whole.shape[1] % 2:
        raise ShapeError(f"{item.files[0]}: {whole.shape[1]} pixels wide: two halves side by side need an even width")
    return whole[:, :half], whole[:, half:]


def _signal(picture: Array) -> Signal:
    if picture.dtype == np.float32:
        return Signal(kind="data", channels=picture.shape[-1], low=0, high=1, bits=32)
    bits = 8 * picture.dtype.itemsize
    return Signal(channels=picture.shape[-1], high=2**bits - 1, bits=bits)


def _size(picture: Array) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]}"
