"""Which files make pairs: the layouts in which people keep them, and which pairs make a split."""

import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from imtrans.errors import DataError
from imtrans.interfaces import Split
from imtrans.kit.formats import is_table
from imtrans.kit.pairing.parts import LEFT_RIGHT, Parts
from imtrans.kit.picture_files import find_pictures
from imtrans_datasets.pairing import manifest
from imtrans_datasets.pairing.file_index import Item, Listing, Scan, check_folder, is_folder, items_of, scan
from imtrans_datasets.pairing.patterns import by_pattern
from imtrans_datasets.pairing.suffixes import by_suffix
from imtrans_datasets.pairing.two_folders import SIDES, two_folders

__all__ = ["Item", "Layout", "Listing", "find", "find_by_pattern", "find_photos", "find_two"]

SPLITS: dict[Split, tuple[str, ...]] = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
FOLDERS = frozenset(name for names in SPLITS.values() for name in names)
SEPARATORS = ("", "_", "-")  # trainA, train_A (pix2pixHD, img2img-turbo), train-A
WORDS = {
    "column": ("two halves side by side in each picture", "left half", "right half"),
    "row": ("two halves one above the other in each picture", "upper half", "lower half"),
    "page": ("two pages in each file", "page 1", "page 2"),
}
Place = Callable[[], Listing]


@dataclass(frozen=True)
class Layout:
    """Where the pairs of a split are; None where it has no place of its own. `whole`: all that belong to no split."""

    place: Callable[[Split], Place | None]
    whole: Place
    skip_invalid: bool = False
    _listings: dict[str, Listing] = field(default_factory=dict)

    def has(self, split: Split) -> bool:
        """Whether a split has a place of its own."""
        return self.place(split) is not None

    def read(self, split: Split) -> Listing:
        """What lies in the place of a split, or all that belong to none; looked up once.

        The refusal of a listing in which something is wrong is raised, unless it is taken as it is.
        """
        if split not in self._listings:
            self._listings[split] = (self.place(split) or self.whole)()
        listing = self._listings[split]
        if listing.refusal and not (self.skip_invalid and listing.items):
            raise listing.refusal
        return listing

    def split(self, split: Split) -> Listing:
        """The pairs of a split; all of them, marked as undivided, where there is no place for validation."""
        if split == "test" and self.has("test"):
            return self.read("test")
        validation, notes = self._validation()
        if validation is None:
            training = self.read("train")
            return replace(training, notes=(*training.notes, *notes), is_undivided=True)
        if split == "train":
            return self.read("train")
        listing = self.read(validation)
        return replace(listing, notes=(*listing.notes, *notes))

    def _validation(self) -> tuple[Split | None, tuple[str, ...]]:
        """Which pairs serve for validation, and what is to be said of it: those for test serve where they can."""
        if self.has("val"):
            return "val", () if self.has("test") else ("no test pairs: val serves",)
        if not self.has("test"):
            return None, ()
        try:
            self.read("test")
        except DataError as error:
            return None, (f"the test pairs cannot serve for validation: {error.what}",)
        return "test", ("no val pairs: test serves",)


def find(path: Path, split: Split, *, skip_invalid: bool = False, parts: Parts | None = None) -> Listing:
    """The pairs of a split under a folder, or in a CSV or JSON-lines file. DataError names what is missing, with what
    was looked for. With `parts` each file holds a pair in these parts of it.

    Without a validation folder the test folder serves, and the other way round; without either the listing is all
    pairs, marked as undivided. With `skip_invalid` what makes no pair is left out, and listed in the issues.
    """
    if is_table(path.name) and os.path.isfile(path):
        rows = manifest.read(path, skip_invalid=skip_invalid)
        return _chosen(
            Layout(lambda s: manifest.place(path, rows, s), lambda: manifest.whole(path, rows), skip_invalid), split
        )
    check_folder(path)
    if parts:
        read = partial(_files, parts=parts)
        return _chosen(Layout(lambda s: _in_folder_of(path, s, read), lambda: read(path), skip_invalid), split)
    return _chosen(Layout(lambda s: _pairs_of_split(path, s), lambda: _pairs(path), skip_invalid), split)


def find_by_pattern(path: Path, sides: tuple[str, str], split: Split, *, skip_invalid: bool = False) -> Listing:
    """The pairs of a split whose files below `path` two patterns select; splits as for pairs."""
    check_folder(path)
    layout = Layout(
        lambda s: _in_folder_of(path, s, lambda folder: by_pattern(folder, *sides)),
        lambda: by_pattern(path, *sides, skip=FOLDERS),
        skip_invalid,
    )
    return _chosen(layout, split)


def find_two(source: Path, target: Path, split: Split, *, skip_invalid: bool = False) -> Listing:
    """The pairs of two folders anywhere, by name, with or without folders for the splits in both."""
    check_folder(source)
    check_folder(target)
    layout = Layout(
        lambda s: _two_of_split(source, target, s), lambda: two_folders(source, target, skip=FOLDERS), skip_invalid
    )
    return _chosen(layout, split)


def find_photos(path: Path, split: Split, *, skip_invalid: bool = False) -> Listing:
    """The photos of a split under `path`, folders in folders included; splits as for pairs."""
    check_folder(path)
    try:
        return _chosen(
            Layout(lambda s: _in_folder_of(path, s, _photos), lambda: _photos(path, skip=FOLDERS), skip_invalid), split
        )
    except DataError as error:
        if (folder := trainable(path)) == path:
            raise
        hint = f"{folder.name} is not trained on unless you say so: --data-root {folder}"
        raise DataError(error.what, hint=hint) from error


def trainable(path: Path) -> Path:
    """The folder of photos that can be trained on: `path`, but where all lie in its test or val, that one."""
    tops = {name.replace("\\", "/").split("/")[0] for name in find_pictures(path).names}
    return path / min(tops) if tops and tops <= FOLDERS - {"train"} else path


def _chosen(layout: Layout, split: Split) -> Listing:
    return replace(
        layout.split(split),
        splits=lambda: {name: _count(layout, name) for name in SPLITS},
        everything=lambda: _everything(layout),
    )


def _everything(layout: Layout) -> Sequence[Item]:
    """The pairs of all splits; those of a listing that serves for several once."""
    lists = {id(items): items for items in (_items(layout, name) for name in SPLITS)}
    return [item for items in lists.values() for item in items]


def _items(layout: Layout, split: Split) -> Sequence[Item]:
    """The pairs of a split; none where it cannot be used, which is said where it is asked for."""
    try:
        return layout.split(split).items
    except DataError:
        return ()


def _count(layout: Layout, split: Split) -> str:
    """What a split holds, in words."""
    other: Split = "test" if split == "val" else "val"
    serves = split != "train" and not layout.has(split) and layout.has(other)
    try:
        return f"{len(layout.split(split).items):,}{f' ({other} serves)' if serves else ''}"
    except DataError as error:
        return f"cannot be used: {error.what}"


def _pairs_of_split(path: Path, split: Split) -> Place | None:
    for name in SPLITS[split]:
        if is_folder(path / name):
            return partial(_pairs, path / name)
    for name, separator, (first, second) in itertools.product(SPLITS[split], SEPARATORS, SIDES):
        one, two = path / f"{name}{separator}{first}", path / f"{name}{separator}{second}"
        if is_folder(one) or is_folder(two):
            return partial(two_folders, one, two)
    nested = (_two_of_split(path / first, path / second, split) for first, second in SIDES)
    return next((place for place in nested if place), None)


def _two_of_split(one: Path, two: Path, split: Split) -> Place | None:
    names = [n for n in SPLITS[split] if is_folder(one / n) or is_folder(two / n)]
    return partial(two_folders, one / names[0], two / names[0]) if names else None


def _in_folder_of(path: Path, split: Split, read: Callable[[Path], Listing]) -> Place | None:
    """What `read` finds in the folder of a split, if there is one below the path."""
    folders = [path / name for name in SPLITS[split] if is_folder(path / name)]
    return partial(read, folders[0]) if folders else None


def _photos(folder: Path, *, skip: frozenset[str] = frozenset()) -> Listing:
    """All photos below a folder, except those of its splits, which must not be trained on by accident."""
    scanned = scan(folder, deep=True, skip=skip)
    return Listing(
        items=items_of(scanned.files),
        layout="single photos",
        notes=scanned.notes,
        issues=scanned.issues,
        refusal=scanned.refusal,
    )


def _pairs(folder: Path) -> Listing:
    for first, second in SIDES:
        if is_folder(folder / first) or is_folder(folder / second):
            return two_folders(folder / first, folder / second, skip=FOLDERS)
    scanned = scan(folder)
    return by_suffix(folder, scanned) or _halved(scanned, LEFT_RIGHT)


def _files(folder: Path, parts: Parts) -> Listing:
    return _halved(scan(folder), parts)


def _halved(scanned: Scan, parts: Parts) -> Listing:
    layout, *sides = WORDS[parts[0].kind]
    return Listing(
        items=items_of(scanned.files, parts),
        layout=layout,
        sides=(sides[0], sides[1]),
        notes=scanned.notes,
        issues=scanned.issues,
        refusal=scanned.refusal,
    )
