"""Two folders of pictures that are no pairs, of any numbers and names, and what of them makes a split."""

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from imtrans.errors import DataError
from imtrans.interfaces import Split
from imtrans.kit.picture_files import find_pictures, key_of
from imtrans.kit.selection import held_out
from imtrans_datasets.pairing.file_index import Item, Listing, Scan, check_folder, is_folder, scan
from imtrans_datasets.pairing.layout import FOLDERS, SEPARATORS, SPLITS, Layout, Place
from imtrans_datasets.pairing.two_folders import SIDES, short_names

LAYOUTS = "A and B, trainA and trainB (testA, testB), train/A and train/B, or two folders of any name"


def find_unpaired(path: Path, split: Split, *, skip_invalid: bool = False) -> Listing:
    """The pictures of a split under a folder that has two folders of them. DataError where it has not.

    Without a validation folder the test folder serves, and the other way round; without either about one picture in
    ten of each side is held out, chosen by its name.
    """
    check_folder(path)
    layout = Layout(lambda s: _place(path, s), lambda: _whole(path), skip_invalid)
    return _of_split(layout, split)


def find_two_unpaired(source: Path, target: Path, split: Split, *, skip_invalid: bool = False) -> Listing:
    """The same of two folders anywhere, with or without folders for the splits in both."""
    check_folder(source)
    check_folder(target)
    layout = Layout(lambda s: _nested(source, target, s), lambda: _both(source, target, skip=FOLDERS), skip_invalid)
    return _of_split(layout, split)


def _of_split(layout: Layout, split: Split) -> Listing:
    listing = layout.split(split)
    chosen = _divided(listing, split) if listing.is_undivided else listing
    return replace(
        chosen, splits=lambda: {name: _text(layout, name) for name in SPLITS}, everything=lambda: _all(layout)
    )


def _text(layout: Layout, split: Split) -> str:
    listing = layout.split(split)
    one, two = (_divided(listing, split) if listing.is_undivided else listing).lengths or (0, 0)
    return f"{one:,} and {two:,}"


def _all(layout: Layout) -> Sequence[Item]:
    return [item for name in SPLITS for item in layout.split(name).items]


def _place(path: Path, split: Split) -> Place | None:
    """Where the two sides of a split lie."""
    for name in SPLITS[split]:
        if is_folder(path / name):
            return partial(_whole, path / name)
    for name, separator, (first, second) in itertools.product(SPLITS[split], SEPARATORS, SIDES):
        one, two = path / f"{name}{separator}{first}", path / f"{name}{separator}{second}"
        if is_folder(one) or is_folder(two):
            return partial(_both, one, two)
    sides = _two_sides(path)
    return _nested(*sides, split) if sides else None


def _nested(one: Path, two: Path, split: Split) -> Place | None:
    names = [n for n in SPLITS[split] if is_folder(one / n) and is_folder(two / n)]
    return partial(_both, one / names[0], two / names[0]) if names else None


def _whole(path: Path) -> Listing:
    sides = _two_sides(path)
    if sides is None:
        hint = f"Unpaired pictures lie in {LAYOUTS}; or say where: --dataset unpaired --set dataset.source=DIR"
        pairs = f"If these are pairs: imtrans run pix2pix --dataset {path}"
        raise DataError(f"{path}: no two folders of pictures", hint=f"{hint} --set dataset.target=DIR\n{pairs}")
    return _both(*sides, skip=FOLDERS)


def _two_sides(path: Path) -> tuple[Path, Path] | None:
    """The folders of both sides: A and B, source and target, or the only two folders in which pictures lie."""
    for first, second in SIDES:
        if is_folder(path / first) and is_folder(path / second):
            return path / first, path / second
    inner = sorted(e.name for e in os.scandir(path) if e.is_dir() and not e.name.startswith("."))
    held = [name for name in inner if name not in FOLDERS and find_pictures(path / name).names]
    return (path / held[0], path / held[1]) if len(held) == 2 else None


def _both(one: Path, two: Path, *, skip: frozenset[str] = frozenset()) -> Listing:
    for folder, partner in ((one, two), (two, one)):
        if not is_folder(folder):
            raise DataError(f"{folder}: no such folder", hint=f"{partner} is there; both sides are needed.")
    first, second = (scan(folder, deep=True, skip=skip) for folder in (one, two))
    return _listing(_pictures(first), _pictures(second), sides=short_names(one, two), notes=_notes(first, second, one))


def _notes(first: Scan, second: Scan, place: Path) -> tuple[str, ...]:
    """What is to be said of the files; and that they may be pairs, where most names are on both sides."""
    common = len(first.files.keys() & second.files.keys())
    notes = (*dict.fromkeys((*first.notes, *second.notes)),)
    if 2 * common <= max(len(first.files), len(second.files)):
        return notes
    hint = f"if they are pairs, pix2pix learns more from them: imtrans run pix2pix --dataset {place.parent}"
    return (*notes, f"{common:,} pictures have one name on both sides; {hint}")


def _pictures(side: Scan) -> dict[str, str]:
    """The pictures of a side by name; several of one stem are pictures of their own here."""
    doubles = {f"{stem}{os.path.splitext(p)[1]}": p for stem, paths in side.doubles.items() for p in paths}
    return dict(sorted({**side.files, **doubles}.items()))


def _listing(
    one: Mapping[str, str], two: Mapping[str, str], *, sides: tuple[str, str], notes: Sequence[str]
) -> Listing:
    first, second, count = [*one.items()], [*two.items()], max(len(one), len(two))
    both = [(first[i % len(first)], second[i % len(second)]) for i in range(count)]
    return Listing(
        # Where the first side is used up the second one names the sample, so that each has a name of its own.
        items=[
            Item(key_of(a) if i < len(first) else f"{sides[1]}/{key_of(b)}", (p, q))
            for i, ((a, p), (b, q)) in enumerate(both)
        ],
        layout=f"unpaired: {len(one):,} and {len(two):,} pictures ({sides[0]} and {sides[1]})",
        sides=sides,
        notes=(*notes,),
        lengths=(len(one), len(two)),
    )


def _divided(listing: Listing, split: Split) -> Listing:
    """The part of a listing without place for validation that trains, or that is held out, of each side."""
    kept, counts = list[dict[str, str]](), list[int]()
    for side, count in enumerate(listing.lengths or (0, 0)):
        paths = [item.paths[side] for item in listing.items[:count]]
        if count < 2:
            raise DataError(
                f"{paths[0]}: one picture is too few", hint="One is needed to train on, and one to validate."
            )
        folder = os.path.commonpath([os.path.dirname(path) for path in paths])
        names = [os.path.relpath(path, folder).replace(os.sep, "/") for path in paths]
        held = held_out(names, {})
        counts.append(sum(held))
        sides = zip(names, paths, held, strict=True)
        kept.append({os.path.splitext(n)[0]: p for n, p, is_held in sides if is_held != (split == "train")})
    note = (
        f"no place for validation: {counts[0]:,} and {counts[1]:,} pictures, chosen by name, are held out of training"
    )
    return _listing(kept[0], kept[1], sides=listing.sides, notes=(*listing.notes, note))
