"""Which files make pairs: the layouts in which people keep them, and which pairs make a split."""

import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from imtrans.errors import DataError
from imtrans.interfaces import Split
from imtrans.kit.formats import is_table
from imtrans.kit.picture_files import key_of
from imtrans_datasets.pairing import manifest
from imtrans_datasets.pairing.file_index import Item, Listing, check_folder, is_folder, scan
from imtrans_datasets.pairing.suffixes import by_suffix
from imtrans_datasets.pairing.two_folders import SIDES, two_folders

__all__ = ["Item", "Layout", "Listing", "find", "find_photos", "find_two"]

SPLITS: dict[Split, tuple[str, ...]] = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
FOLDERS = frozenset(name for names in SPLITS.values() for name in names)
SEPARATORS = ("", "_", "-")  # trainA, train_A (pix2pixHD, img2img-turbo), train-A
Place = Callable[[], Listing]


@dataclass(frozen=True)
class Layout:
    """Where the pairs of a split are; None where it has no place of its own. `whole`: all that belong to no split."""

    place: Callable[[Split], Place | None]
    whole: Place
    skip_invalid: bool = False

    def read(self, place: Place) -> Listing:
        """A listing in which nothing is wrong, or which is taken as it is; its refusal is raised otherwise."""
        listing = place()
        if listing.refusal and not (self.skip_invalid and listing.items):
            raise listing.refusal
        return listing

    def split(self, split: Split) -> Listing:
        """The pairs of a split; all of them, marked as undivided, where there is no place for validation."""
        if split == "test" and (test := self.place("test")):
            return self.read(test)
        validation, notes = self._validation()
        training = self.place("train") or self.whole
        if validation is None:
            listing = self.read(training)
            return replace(listing, notes=(*listing.notes, *notes), is_undivided=True)
        listing = self.read(training if split == "train" else validation)
        return listing if split == "train" else replace(listing, notes=(*listing.notes, *notes))

    def _validation(self) -> tuple[Place | None, tuple[str, ...]]:
        """Where the pairs for validation are, and what is to be said of it: those for test serve where they can."""
        if val := self.place("val"):
            return val, () if self.place("test") else ("no test pairs: val serves",)
        if (test := self.place("test")) is None:
            return None, ()
        try:
            self.read(test)
        except DataError as error:
            return None, (f"the test pairs cannot serve for validation: {error.what}",)
        return test, ("no val pairs: test serves",)


def find(path: Path, split: Split, *, skip_invalid: bool = False) -> Listing:
    """The pairs of a split under a folder, or in a CSV or JSON-lines file. DataError names what is missing, with what
    was looked for.

    Without a validation folder the test folder serves, and the other way round; without either the listing is all
    pairs, marked as undivided. With `skip_invalid` what makes no pair is left out, and listed in the issues.
    """
    if is_table(path.name) and os.path.isfile(path):
        rows = manifest.read(path, skip_invalid=skip_invalid)
        return _chosen(
            Layout(lambda s: manifest.place(path, rows, s), lambda: manifest.whole(path, rows), skip_invalid), split
        )
    check_folder(path)
    return _chosen(Layout(lambda s: _pairs_of_split(path, s), lambda: _pairs(path), skip_invalid), split)


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
    return _chosen(
        Layout(lambda s: _photos_of_split(path, s), lambda: _photos(path, skip=FOLDERS), skip_invalid), split
    )


def _chosen(layout: Layout, split: Split) -> Listing:
    layout = replace(layout, whole=cache(layout.whole))  # else it would be listed once for each split
    return replace(
        layout.split(split),
        splits=lambda: {name: _count(layout, name) for name in SPLITS},
        everything=lambda: [item for name in SPLITS for item in _items(layout, name)],
    )


def _items(layout: Layout, split: Split) -> Sequence[Item]:
    """The pairs of a split; none where it cannot be used, which is said where it is asked for."""
    try:
        return layout.split(split).items
    except DataError:
        return ()


def _count(layout: Layout, split: Split) -> str:
    """What a split holds, in words."""
    other: Split = "test" if split == "val" else "val"
    serves = split != "train" and not layout.place(split) and layout.place(other)
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


def _photos_of_split(path: Path, split: Split) -> Place | None:
    folders = [path / name for name in SPLITS[split] if is_folder(path / name)]
    return partial(_photos, folders[0]) if folders else None


def _photos(folder: Path, *, skip: frozenset[str] = frozenset()) -> Listing:
    """All photos below a folder, except those of its splits, which must not be trained on by accident."""
    scanned = scan(folder, deep=True, skip=skip)
    return Listing(
        items=[Item(key_of(stem), (path,)) for stem, path in scanned.files.items()],
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
    return by_suffix(folder, scanned) or Listing(
        items=[Item(key_of(stem), (path,)) for stem, path in scanned.files.items()],
        layout="two halves side by side in each picture",
        sides=("left half", "right half"),
        notes=scanned.notes,
        issues=scanned.issues,
        refusal=scanned.refusal,
    )
