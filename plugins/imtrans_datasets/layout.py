"""Which files make pairs: the layouts in which people keep them, and which pairs make a split."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from imtrans.errors import DataError
from imtrans.interfaces import Split
from imtrans.kit.formats import is_table
from imtrans_datasets import manifest
from imtrans_datasets.file_index import Item, Listing, check_folder, is_folder, key_of, scan
from imtrans_datasets.suffixes import by_suffix
from imtrans_datasets.two_folders import SIDES, two_folders

__all__ = ["Item", "Layout", "Listing", "find", "find_photos", "find_two"]

SPLITS: dict[Split, tuple[str, ...]] = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
FOLDERS = frozenset(name for names in SPLITS.values() for name in names)
HELD_OUT = 10


@dataclass(frozen=True)
class Layout:
    """Where the pairs of a split are; None where it has no place of its own. `whole`: all that belong to no split."""

    of_split: Callable[[Split], Listing | None]
    whole: Callable[[], Listing]
    skip_invalid: bool = False

    def accepted(self, listing: Listing) -> Listing:
        """A listing in which nothing is wrong, or which is taken as it is; its refusal is raised otherwise."""
        if listing.refusal and not (self.skip_invalid and listing.items):
            raise listing.refusal
        return listing


def find(path: Path, split: Split, *, skip_invalid: bool = False) -> Listing:
    """The pairs of a split under a folder, or in a CSV or JSON-lines file. DataError names what is missing, with what
    was looked for.

    Without a validation folder the test folder serves, and the other way round; without either every tenth pair is
    held out of training and named in the notes. The training pairs never serve for both. With `skip_invalid` what makes
    no pair is left out, and listed in the issues.
    """
    if is_table(path.name) and os.path.isfile(path):
        rows = manifest.read(path, skip_invalid=skip_invalid)
        rowed = Layout(lambda s: manifest.listing(path, rows, s), lambda: manifest.whole(path, rows), skip_invalid)
        return _chosen(rowed, split)
    check_folder(path)
    return _chosen(Layout(lambda s: _pairs_of_split(path, s), lambda: _pairs(path), skip_invalid), split)


def find_two(source: Path, target: Path, split: Split, *, skip_invalid: bool = False) -> Listing:
    """The pairs of two folders anywhere, by name, with or without folders for the splits in both."""
    check_folder(source)
    check_folder(target)
    whole = Layout(
        lambda s: _two_of_split(source, target, s), lambda: two_folders(source, target, skip=FOLDERS), skip_invalid
    )
    return _chosen(whole, split)


def find_photos(path: Path, split: Split, *, skip_invalid: bool = False) -> Listing:
    """The photos of a split under `path`, folders in folders included; splits as for pairs."""
    check_folder(path)
    photos = Layout(lambda s: _photos_of_split(path, s), lambda: _photos(path, skip=FOLDERS), skip_invalid)
    return _chosen(photos, split)


def _chosen(layout: Layout, split: Split) -> Listing:
    chosen = layout.of_split(split) or _serving(layout, split) or _held_out(layout, split)
    return replace(layout.accepted(chosen), splits=lambda: _split_texts(layout))


def _serving(layout: Layout, split: Split) -> Listing | None:
    if split == "train":
        return None
    serving = layout.of_split(_other(split))
    return serving and replace(serving, notes=(*serving.notes, f"no {split} pairs: {_other(split)} serves"))


def _other(split: Split) -> Split:
    return "test" if split == "val" else "val"


def _split_texts(layout: Layout) -> Mapping[str, str]:
    """What each split holds, in words."""
    texts: dict[str, str] = {}
    for split in SPLITS:
        try:
            texts[split] = _count(layout, split)
        except DataError as error:
            texts[split] = f"cannot be used: {error.what}"
    return texts


def _count(layout: Layout, split: Split) -> str:
    if listing := layout.of_split(split):
        return f"{len(layout.accepted(listing).items):,}"
    if serving := _serving(layout, split):
        return f"{len(layout.accepted(serving).items):,} ({_other(split)} serves)"
    return f"{len(layout.accepted(_held_out(layout, split)).items):,}" + (
        "" if split == "train" else " (held out of training)"
    )


def _pairs_of_split(path: Path, split: Split) -> Listing | None:
    for name in SPLITS[split]:
        if is_folder(path / name):
            return _pairs(path / name)
    for name in SPLITS[split]:
        for first, second in SIDES:
            one, two = path / f"{name}{first}", path / f"{name}{second}"
            if is_folder(one) or is_folder(two):
                return two_folders(one, two)
    nested = (_two_of_split(path / first, path / second, split) for first, second in SIDES)
    return next((listing for listing in nested if listing), None)


def _two_of_split(one: Path, two: Path, split: Split) -> Listing | None:
    names = [n for n in SPLITS[split] if is_folder(one / n) or is_folder(two / n)]
    return two_folders(one / names[0], two / names[0]) if names else None


def _photos_of_split(path: Path, split: Split) -> Listing | None:
    folders = [path / name for name in SPLITS[split] if is_folder(path / name)]
    return _photos(folders[0]) if folders else None


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


def _held_out(layout: Layout, split: Split) -> Listing:
    everything = layout.of_split("train") or layout.whole()
    items = layout.accepted(everything).items
    if len(items) < 2:
        raise DataError(
            f"{items[0].paths[0]}: one pair is too few",
            hint="Add pairs: one is needed for training and one for validation.",
        )
    is_training = split == "train"
    chosen = [
        item for i, item in enumerate(items) if (i % HELD_OUT == HELD_OUT - 1 or i == len(items) - 1) != is_training
    ]
    count = len(items) - len(chosen) if is_training else len(chosen)
    note = f"no folder for validation: every {HELD_OUT}th pair ({count}) is held out of training"
    # Files that make no pair are reported once, with the pairs to train on.
    issues = everything.issues if is_training else ()
    return replace(everything, items=chosen, notes=(*everything.notes, note), issues=issues)


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
