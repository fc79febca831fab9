"""Pairs from files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import ConfigError, ShapeError
from imtrans.interfaces import DatasetContext, DatasetDescription, DataSpec, ImageSpec, Pair
from imtrans.kit.bases import BaseDataset
from imtrans.kit.images import resize
from imtrans.kit.images.survey import Survey
from imtrans_datasets.components_folders import FolderOptions
from imtrans_datasets.pairing.file_index import Item, Listing
from imtrans_datasets.pairing.layout import find, find_two
from imtrans_datasets.side_readers import Labels, Pictures, Side, kind_of, labels_spec, pictures_spec

Array = np.ndarray[Any, Any]
SIDES = ("source", "target")


class FolderOfPairs(BaseDataset):
    """Pairs side by side in one picture (A left, B right, split in the middle) or in two files (A, B).

    Channels and depth are those of all files of all splits: the most and the deepest, unless `data_spec` says what the
    sides are read as. With `size`, what the loader asks for, pairs of two sizes are left to it; else the target takes
    the source's. With `skip_invalid` the files that no rule brings to the others are faults of their samples.
    """

    def __init__(
        self,
        listing: Listing,
        options: FolderOptions | None = None,
        *,
        size: Sequence[int] = (),
        skip_invalid: bool = False,
        data_spec: DataSpec | None = None,
    ) -> None:
        self._skip_invalid = skip_invalid
        self.items, self._size = listing.items, size
        self._options, self._is_resizing = options or FolderOptions(), bool(options and options.resize_pairs)
        self._resize_hint = "Resize the target: --set dataset.resize_pairs=true" if options else "Make them one size."
        self.description: DatasetDescription = listing
        self.data_spec = data_spec or self._surveyed(listing)
        self._readers = [self._reader(side) for side in SIDES]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Pair:
        item = self.items[index]
        source, target = self._halves(item, self._readers)
        if source.shape[:2] != target.shape[:2]:
            target = self._resized(target, source, item)
        return Pair(source=source, target=target, key=item.key)

    def key(self, index: int) -> str:
        """The name of a pair: that of its file below the folder, without suffix."""
        return self.items[index].key

    def files(self, index: int) -> Sequence[Path]:
        """The files of a pair."""
        return self.items[index].files

    def _surveyed(self, listing: Listing) -> DataSpec:
        """What all files of either side are read as; the description then says what they are."""
        items = [*dict.fromkeys((*listing.items, *(listing.everything() if listing.everything else ())))]
        if not items:
            return DataSpec()
        files = [[item.paths[place] for item in items] for place in (0, -1)]
        first, second = (Survey.of(side, files[place]) for place, side in enumerate(SIDES))
        source, its = self._survey("source", first, files[0])
        target, theirs = self._survey("target", second, files[1])
        self.description = replace(listing, contents=(its, theirs))
        return DataSpec(source=source, target=target, half_aspect=first.half_aspect if files[0] == files[1] else None)

    def _survey(self, side: str, survey: Survey, files: Sequence[str]) -> tuple[ImageSpec, str]:
        """What the files of a side are read as, and what they are in words."""
        options = self._options
        if self._skip_invalid:
            survey = survey.majority(as_labels=options.labels in (side, "both"))
        if options.labels in (side, "both"):
            spec = labels_spec(survey, files, classes=options.classes, values=options.values, void=options.void)
            return spec, survey.text(kind_of(spec))
        option = f"dataset.{side}_range"
        range_ = getattr(options, f"{side}_range")
        spec = pictures_spec(survey, range_=range_, option=option, background=options.background)
        laid = f"laid on the colour {[*spec.background]}" if spec.background else "left out: hidden colours are taken"
        return spec, survey.text(kind_of(spec)) + (f"; transparency is {laid}" if survey.has_alpha else "")

    def _reader(self, side: str) -> Side:
        spec = getattr(self.data_spec, side)
        if spec.kind == "labels":
            return Labels(spec=spec)
        return Pictures(spec=spec, option=f"dataset.{side}_range")

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
        if not self._is_resizing:
            names = " and ".join(f"{f} ({_size(a)})" for f, a in zip(item.files, (source, target), strict=True))
            raise ShapeError(f"the pair {names}: {_size(source)} and {_size(target)} pixels", hint=self._resize_hint)
        if self._size:  # the loader resizes both sides to it
            return target
        is_labels = self.data_spec.target.kind == "labels"
        return resize(target, (source.shape[0], source.shape[1]), "nearest" if is_labels else "bilinear")


def folder(*, context: DatasetContext, **given: Any) -> FolderOfPairs:
    """The data set `folder`."""
    options = FolderOptions(**given)
    return FolderOfPairs(
        _listing(options, context),
        options,
        size=context.size,
        skip_invalid=context.skip_invalid,
        data_spec=context.data_spec,
    )


def _listing(options: FolderOptions, context: DatasetContext) -> Listing:
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


def _size(picture: Array) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]}"
