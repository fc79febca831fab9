"""Pairs from files."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.errors import ConfigError, DataError, ShapeError
from imtrans.interfaces import Dataset, DatasetContext, DatasetDescription, DataSpec, ImageSpec, Issue, Pair
from imtrans.kit.bases import BaseDataset
from imtrans.kit.images import resize
from imtrans.kit.images.instances import instance_file
from imtrans.kit.images.survey import Survey
from imtrans.kit.pairing.parts import LEFT_RIGHT, PAGES, TOP_BOTTOM
from imtrans_datasets.components_folders import FolderOptions
from imtrans_datasets.masked import Masked, WithAlpha
from imtrans_datasets.pairing.evidence import SAME_HINT, doubts_of, explained, itself
from imtrans_datasets.pairing.file_index import Item, Listing
from imtrans_datasets.pairing.file_names import Lazily
from imtrans_datasets.pairing.layout import find, find_by_pattern, find_two
from imtrans_datasets.pairing.patterns import is_pattern
from imtrans_datasets.pairing.slices import by_slice
from imtrans_datasets.side_readers import Labels, Pictures, Side, kind_of, labels_spec, pictures_spec
from imtrans_datasets.stored_values import Place, stretched, value_doubts

Array = np.ndarray[Any, Any]
SIDES = ("source", "target")
SAME = 8  # pairs that are compared before a run
PARTS = {"halves": LEFT_RIGHT, "stacked": TOP_BOTTOM, "pages": PAGES}


class FolderOfPairs(BaseDataset):
    """Pairs of two files (A, B), or of two parts of one, such as its halves (A left, B right, split in the middle).

    Channels and depth are those of all files of all splits: the most and the deepest, unless `data_spec` says what the
    sides are read as. With `size`, what the loader asks for, pairs of two sizes are left to it; else the target takes
    the source's. With `skip_invalid` the files that no rule brings to the others are faults of their samples.
    """

    depends_on_size = False  # but for whether there is one

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
        folder = Path(self._options.instances).expanduser() if self._options.instances else None
        self._readers = [_reader(side, getattr(self.data_spec, side), folder) for side in SIDES]
        if options:
            self.description = replace(self.description, doubts=cache(lambda: (*listing.doubts(), *self._doubts())))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Pair:
        item = self.items[index]
        source, target = self._sides(item)
        if source.shape[:2] != target.shape[:2]:
            target = self._resized(target, source, item)
        return Pair(source=source, target=target, key=item.key)

    def key(self, index: int) -> str:
        """The name of a pair: that of its file below the folder, without suffix."""
        return self.items[index].key

    def files(self, index: int) -> Sequence[Path]:
        """The files of a pair; an instance map between the two."""
        files = self.items[index].files
        return (files[0], *_instance_files(files, self._readers), *files[1:])

    def check(self, index: int, pair: Pair) -> Iterable[Issue]:
        """That source and target are not one picture, from which nothing is learned."""
        if _is_same(pair):
            what = f"{' and '.join(self.items[index].paths)}: source and target are the same picture"
            yield Issue(code="same", what=what, hint=SAME_HINT)

    def _doubts(self) -> Iterator[Issue]:
        """What some pictures say against the pairs, and their values against what they are read as."""
        count = len(self.items)
        yield from itself(self.items)
        for place, side in ((0, "source"), (-1, "target")):
            yield from value_doubts(side, getattr(self.data_spec, side), _places(self.items, place))
        with contextlib.suppress(DataError):  # bad files are reported as such
            some = [] if self._skip_invalid else [i * count // min(SAME, count) for i in range(min(SAME, count))]
            yield from [issue for i in some for issue in self.check(i, self[i])][:1]

    def _surveyed(self, listing: Listing) -> DataSpec:
        """What all files of either side are read as; the description then says what they are."""
        items = [*dict.fromkeys((*listing.items, *(listing.everything() if listing.everything else ())))]
        if not items:
            return DataSpec()
        first, second = (
            Survey.of(side, [item.paths[i] for item in items], with_pages=self._options.pages == "channels")
            for i, side in ((0, "source"), (-1, "target"))
        )
        source, its = self._survey("source", first, _places(items, 0))
        target, theirs = self._survey("target", second, _places(items, -1))
        self.description = replace(listing, contents=(its, theirs))
        are_halves = all(item.parts == LEFT_RIGHT for item in items)
        spec = DataSpec(source=source, target=target, half_aspect=first.half_aspect if are_halves else None)
        if self._options.pages != "slices":
            return spec
        return replace(spec, source=replace(source, is_stack=True), target=replace(target, is_stack=True))

    def _survey(self, side: str, survey: Survey, places: Sequence[Place]) -> tuple[ImageSpec, str]:
        """What the files of a side are read as, and what they are in words."""
        options = self._options
        if self._skip_invalid:
            survey = survey.majority(as_labels=options.labels in (side, "both"))
        if options.labels in (side, "both"):
            files = [str(path) for path, _ in places]
            spec = labels_spec(survey, files, classes=options.classes, values=options.values, void=options.void)
            spec = replace(spec, instances=True, channels=2) if options.instances else spec
            return spec, survey.text(kind_of(spec))
        option = f"dataset.{side}_range"
        range_ = getattr(options, f"{side}_range")
        spec = pictures_spec(survey, range_=range_, option=option, background=options.background)
        if options.percentiles and not range_:
            spec = stretched(spec, places, options.percentiles)
        return spec, survey.text(kind_of(spec)) + _heeded(spec, survey, places)

    def _sides(self, item: Item) -> tuple[Array, Array]:
        """Source and target; a file that holds both is read once, where both are read alike."""
        (first, second), files = self._readers, item.files
        one, two = item.parts or (None, None)
        source = first.read(files[0], one)
        is_same = len(files) == 1 and first.is_like(second) and (one and one.page) == (two and two.page)
        target = source if is_same else second.read(files[-1], two)
        return (
            one.cut(source, name=str(files[0])) if one else source,
            two.cut(target, name=str(files[-1])) if two else target,
        )

    def _resized(self, target: Array, source: Array, item: Item) -> Array:
        if not self._is_resizing:
            names = " and ".join(f"{f} ({_size(a)})" for f, a in zip(item.files, (source, target), strict=True))
            raise ShapeError(f"the pair {names}: {_size(source)} and {_size(target)} pixels", hint=self._resize_hint)
        if self._size:  # the loader resizes both sides to it
            return target
        is_labels = self.data_spec.target.kind == "labels"
        return resize(target, (source.shape[0], source.shape[1]), "nearest" if is_labels else "bilinear")


def _places(items: Sequence[Item], side: int) -> Sequence[Place]:
    """Where a side of each pair lies, made as it is asked for: few are looked at."""
    return Lazily(len(items), lambda i: items[i].place(side))


def _instance_files(files: Sequence[Path], readers: Sequence[Side]) -> Iterator[Path]:
    """The instance maps of the label maps among the files of a pair, as far as they are there."""
    for file, reader in zip((files[0], files[-1]), readers, strict=True):
        if isinstance(reader, Labels) and reader.spec.instances:
            with contextlib.suppress(DataError):  # reading the pair says so
                yield instance_file(file, reader.instances)


def _reader(side: str, spec: ImageSpec, instances: Path | None) -> Side:
    if spec.instances and instances is None:
        what = "the model was trained with instance maps of its label maps, and the data set names none"
        raise ConfigError(what, hint="Name their folder: --set dataset.instances=DIR")
    is_labels = spec.kind == "labels"
    return Labels(spec=spec, instances=instances) if is_labels else Pictures(spec=spec, option=f"dataset.{side}_range")


def folder(*, context: DatasetContext, **given: Any) -> Dataset:
    """The data set `folder`."""
    options = FolderOptions(**given)
    _check_instances(options)
    path = Path(options.path).expanduser()
    try:
        listing = _listing(options, context, path)
    except DataError as error:
        raise explained(error, path) if options.path and options.layout == "auto" else error from None
    if options.pages == "slices":
        listing = by_slice(listing, skip_invalid=context.skip_invalid)
    if options.layout == "auto":
        places = path if options.path else Path(options.target).expanduser()
        listing = replace(listing, doubts=doubts_of(listing, places))
    pairs = FolderOfPairs(
        listing,
        options,
        size=context.size,
        skip_invalid=context.skip_invalid,
        data_spec=context.data_spec,
    )
    opaque = WithAlpha(pairs, pairs.items) if options.alpha == "mask" else pairs
    return Masked(opaque, Path(options.masks).expanduser()) if options.masks else opaque


def _listing(options: FolderOptions, context: DatasetContext, path: Path) -> Listing:
    two, skip = (options.source, options.target), context.skip_invalid
    _check_places(options)
    if all(two) and options.path:
        return find_by_pattern(path, two, context.split, skip_invalid=skip)
    if all(two):
        source, target = (Path(p).expanduser() for p in two)
        return find_two(source, target, context.split, skip_invalid=skip)
    return find(path, context.split, skip_invalid=skip, parts=PARTS.get(options.layout))


def _check_instances(options: FolderOptions) -> None:
    """Errors unless instance maps are those of label maps of one side, and their folder is there."""
    if options.instances and options.labels not in ("source", "target"):
        what = f"dataset.instances goes with label maps of one side, and dataset.labels is {options.labels}"
        raise ConfigError(what, hint="Say which side they are: --set dataset.labels=source")
    if options.instances and not Path(options.instances).expanduser().is_dir():
        raise DataError(f"dataset.instances {options.instances}: no such folder", hint="Give the folder of the maps.")


def _check_places(options: FolderOptions) -> None:
    """ConfigError unless the options name one place: a path, two folders, or a path and two patterns."""
    two = (options.source, options.target)
    if options.path and any(name and not is_pattern(name) for name in two):
        raise ConfigError(
            f"dataset.path {options.path!r} and dataset.{'source' if two[0] else 'target'} {(two[0] or two[1])!r}: "
            "not both",
            hint="Give --dataset PATH, or --dataset folder with dataset.source and dataset.target; "
            "or with a path two patterns: dataset.source=*_in* dataset.target=*_out*",
        )
    if any(two) and not all(two):
        present, missing = ("source", "target") if two[0] else ("target", "source")
        raise ConfigError(
            f"dataset.{present} {(two[0] or two[1])!r} is given without dataset.{missing}",
            hint=f"Give both: --set dataset.{missing}=PATH",
        )
    if not options.path and any(map(is_pattern, two)):
        raise ConfigError(f"dataset.source {two[0]!r}: a pattern needs a folder", hint="Give it: --dataset PATH.")
    if not (options.path or all(two)):
        raise ConfigError("data set 'folder' needs its path", hint="Give it as --dataset PATH.")


def _heeded(spec: ImageSpec, survey: Survey, places: Sequence[Place]) -> str:
    """What else is to be said of the pictures of a side: transparency, clipped values, pages that are not read."""
    laid = f"laid on the colour {[*spec.background]}" if spec.background else "left out: hidden colours are taken"
    text = f"; transparency is {laid}" if survey.has_alpha else ""
    if spec.clips:
        text += f"; clipped to {spec.low:g} to {spec.high:g} (percentiles)"
    if survey.most_pages > spec.pages and not any(part and part.kind == "page" for _, part in places[:1]):
        text += f"; of up to {survey.most_pages:,} pages the first is read (dataset.pages=channels or slices reads all)"
    return text


def _is_same(pair: Pair) -> bool:
    """Whether source and target are the same pixels, and not of one colour, as an empty mask is."""
    source, target = pair.source, pair.target
    return bool(source.shape == target.shape and np.array_equal(source, target) and (source != source[0, 0]).any())


def _size(picture: Array) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]}"
