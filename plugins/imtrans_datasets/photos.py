"""Pairs made from single photos, on the fly."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from imtrans import ComponentRef
from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import Dataset, DatasetContext, DataSpec, ImageSpec, Pair, Split
from imtrans.kit.bases import BaseDataset
from imtrans.kit.images import decode, resize, with_channels
from imtrans.kit.images.color import AB, LIGHTNESS, split_lab
from imtrans.kit.images.color import grey as grey_of
from imtrans_datasets import source_filters
from imtrans_datasets.components_photos import PhotoOptions
from imtrans_datasets.pairing.file_index import Listing, check_folder, items_of, scan
from imtrans_datasets.pairing.layout import find_photos

Array = np.ndarray[Any, Any]
Make = Callable[[Array], tuple[Array, Array]]


class PhotoSet(BaseDataset):
    """Photos of any size from files, source and target the same."""

    def __init__(self, listing: Listing) -> None:
        self.items, self.description = listing.items, listing
        self.data_spec = DataSpec()

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Pair:
        item = self.items[index]
        photo = eight_bits(with_channels(decode(item.files[0]), 3, name=str(item.files[0])))
        return Pair(source=photo, target=photo, key=item.key)

    def key(self, index: int) -> str:
        """The name of a photo: that of its file below the folder, without suffix."""
        return self.items[index].key

    def files(self, index: int) -> Sequence[Path]:
        """The file of a photo."""
        return self.items[index].files


class Photos(BaseDataset):
    """The photos of a data set, its targets, as pairs that `make` gives.

    A photo is brought to the size that the loader asks for before the pair is made: filters of a fixed width, such as
    the pencil's, then mean the same for every photo.
    """

    def __init__(self, photos: Dataset, make: Make, *, data_spec: DataSpec, size: Sequence[int]) -> None:
        self.photos, self.data_spec = photos, data_spec
        # What the photos' sides are called does not hold for pairs that are made of one of them.
        self.description = replace(photos.description, sides=("", ""))
        self._make, self._size = make, tuple(size)

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> Pair:
        pair = self.photos[index]
        photo = eight_bits(with_channels(pair.target, 3, name=pair.key))
        if self._size:
            photo = resize(photo, (self._size[0], self._size[-1]))
        source, target = self._make(photo)
        return Pair(source=source, target=target, key=pair.key)

    def key(self, index: int) -> str:
        """The name of a photo."""
        return self.photos.key(index)

    def files(self, index: int) -> Sequence[Path]:
        """The file of a photo."""
        return self.photos.files(index)


def first_and_rest(folder: Path, split: Split, *, share: float, skip_invalid: bool = False) -> Listing:
    """The photos of a folder in the order of their names: the first `share` of them to train on, the rest else."""
    check_folder(folder)
    scanned = scan(folder)
    if scanned.refusal and not skip_invalid:
        raise scanned.refusal
    items = items_of(scanned.files)
    first = int(share * len(items))
    chosen = items[:first] if split == "train" else items[first:]
    if not chosen:
        raise DataError(
            f"{folder}: one photo is too few", hint="Add photos: one is needed for training and one for validation."
        )
    note = f"the first {share:.0%} of the photos by name are trained on, the others are for validation"
    issues = scanned.issues if split == "train" else ()
    return Listing(items=chosen, notes=(note, *scanned.notes), issues=issues)


def eight_bits(photo: Array) -> Array:
    """A photo of 8 or 16 bits, or of values from 0 to 1, as uint8."""
    if photo.dtype == np.uint8:
        return photo
    scaled = photo.astype(np.float32) * (1 / 257 if photo.dtype == np.uint16 else 255)
    whole: Array = np.rint(scaled).clip(0, 255).astype(np.uint8)
    return whole


def pencil(*, order: Literal["rgb", "bgr"], context: DatasetContext, **options: Any) -> Photos:
    """Photos from pencil drawings."""
    return _photos("pencil", options, context, partial(source_filters.pencil, order=order))


def grey(*, context: DatasetContext, **options: Any) -> Photos:
    """Photos from their grey versions."""
    return _photos("grey", options, context, grey_of, DataSpec(source=ImageSpec(space="grey")))


def edges(*, low: int, high: int, smallest: int, context: DatasetContext, **options: Any) -> Photos:
    """Photos from their edges."""
    make = partial(source_filters.edges, low=low, high=high, smallest=smallest)
    return _photos("edges", options, context, make)


def inpaint(*, context: DatasetContext, **options: Any) -> Photos:
    """Photos from the same without their centre."""
    return _photos("inpaint", options, context, source_filters.inpaint)


def lab(*, context: DatasetContext, **options: Any) -> Photos:
    """The colours of photos from their lightness."""
    photos = _source("lab", options, context)
    return Photos(photos, split_lab, data_spec=DataSpec(source=LIGHTNESS, target=AB), size=context.size)


def _photos(
    name: str,
    options: Mapping[str, Any],
    context: DatasetContext,
    make: Callable[[Array], Array],
    data_spec: DataSpec | None = None,
) -> Photos:
    photos = _source(name, options, context)
    return Photos(photos, lambda photo: (make(photo), photo), data_spec=data_spec or DataSpec(), size=context.size)


def _source(name: str, given: Mapping[str, Any], context: DatasetContext) -> Dataset:
    """The photos: a data set's, which may lie under the root, else those of the folder `root`."""
    options = PhotoOptions(**given)
    if options.photos is not None:
        root = {"root": options.root} if options.root else {}
        photos: Dataset = context.make("dataset", ComponentRef(options.photos.name, {**root, **options.photos.options}))
        if photos.data_spec.target.kind != "image":
            raise ConfigError(
                f"dataset.photos {options.photos.name!r}: its targets are not photos",
                hint="Name a data set whose target is an image.",
            )
        return photos
    if not options.root:
        hint = "Give their folder: --data-root PHOTOS, or of which data set: --set dataset.photos=cifar10"
        raise ConfigError(f"data set {name!r} is made from your photos", hint=hint)
    return PhotoSet(find_photos(Path(options.root).expanduser(), context.split, skip_invalid=context.skip_invalid))
