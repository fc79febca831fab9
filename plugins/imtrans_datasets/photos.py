"""Pairs made from single photos, on the fly."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import ConfigError
from imtrans.interfaces import Context, Pair, Signal, Signals
from imtrans.kit.color import AB, LIGHTNESS, split_lab
from imtrans.kit.color import grey as grey_of
from imtrans.kit.images import decode, resize, with_channels
from imtrans_datasets import makers
from imtrans_datasets.layout import Listing, find_photos
from imtrans_datasets.offer_photos import EdgesOptions, PencilOptions, PhotoOptions

Array = np.ndarray[Any, Any]
Make = Callable[[Array], tuple[Array, Array]]


class Photos:
    """Photos of any size, as pairs that `make` gives.

    A photo is brought to the size that the loader asks for before the pair is made: filters of a fixed width, such as
    the pencil's, then mean the same for every photo.
    """

    def __init__(self, listing: Listing, make: Make, *, signals: Signals, size: Sequence[int]) -> None:
        self.items, self.notes = listing.items, listing.notes
        self.signals = signals
        self._make, self._size = make, tuple(size)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Pair:
        item = self.items[index]
        photo = eight_bits(with_channels(decode(item.files[0]), 3, name=str(item.files[0])))
        if self._size:
            photo = resize(photo, (self._size[0], self._size[-1]))
        source, target = self._make(photo)
        return Pair(source=source, target=target, key=item.key)

    def files(self, index: int) -> Sequence[Path]:
        return self.items[index].files


def eight_bits(photo: Array) -> Array:
    """A photo of 8 or 16 bits, or of values from 0 to 1, as uint8."""
    if photo.dtype == np.uint8:
        return photo
    scaled = photo.astype(np.float32) * (1 / 257 if photo.dtype == np.uint16 else 255)
    whole: Array = np.rint(scaled).clip(0, 255).astype(np.uint8)
    return whole


def pencil(options: PencilOptions, context: Context) -> Photos:
    return _photos("pencil", options, context, partial(makers.pencil, order=options.order))


def grey(options: PhotoOptions, context: Context) -> Photos:
    return _photos("grey", options, context, grey_of, Signals(source=Signal(space="grey")))


def edges(options: EdgesOptions, context: Context) -> Photos:
    make = partial(makers.edges, low=options.low, high=options.high, smallest=options.smallest)
    return _photos("edges", options, context, make)


def inpaint(options: PhotoOptions, context: Context) -> Photos:
    return _photos("inpaint", options, context, makers.inpaint)


def lab(options: PhotoOptions, context: Context) -> Photos:
    listing = _listing("lab", options, context)
    return Photos(listing, split_lab, signals=Signals(source=LIGHTNESS, target=AB), size=context.size)


def _photos(
    name: str,
    options: PhotoOptions,
    context: Context,
    make: Callable[[Array], Array],
    signals: Signals | None = None,
) -> Photos:
    listing = _listing(name, options, context)
    return Photos(listing, lambda photo: (make(photo), photo), signals=signals or Signals(), size=context.size)


def _listing(name: str, options: PhotoOptions, context: Context) -> Listing:
    if not options.root:
        raise ConfigError(f"data set {name!r} is made from your photos", mend="Say where they are: --data-root PHOTOS")
    return find_photos(Path(options.root).expanduser(), context.split)
