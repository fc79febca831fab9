"""Which files make pairs: the layouts in which people keep them."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imtrans.errors import DataError, ResourceError, listed
from imtrans.interfaces import Split
from imtrans.kit.formats import SUFFIXES, is_picture

SPLITS: dict[Split, tuple[str, ...]] = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
SIDES = (("A", "B"), ("source", "target"))
JUNK = {".ds_store", "thumbs.db", "desktop.ini", "__macosx"}
HELD_OUT = 10


@dataclass(frozen=True)
class Item:
    """One pair: its key, and one file that holds both halves, or two."""

    key: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Listing:
    """The pairs of a split in the order of their names, and what was assumed about them."""

    items: Sequence[Item]
    notes: tuple[str, ...] = ()


def find(path: Path, split: Split) -> Listing:
    """The pairs of a split under `path`. DataError names what is missing, with what was looked for.

    Without a validation folder the test folder serves, and the other way round; without either every tenth pair is
    held out of training and named in the notes. The training pairs never serve for both.
    """
    return _chosen(path, split, _pairs_of_split, _pairs)


def find_photos(path: Path, split: Split) -> Listing:
    """The photos of a split under `path`, folders in folders included; splits as for pairs."""
    return _chosen(path, split, _photos_of_split, _photos)


def _chosen(
    path: Path, split: Split, of_split: Callable[[Path, Split], Listing | None], of_folder: Callable[[Path], Listing]
) -> Listing:
    if not path.is_dir():
        raise DataError(f"{path}: {'is a file, not a folder' if path.exists() else 'no such folder'}")
    own = of_split(path, split)
    if own:
        return own
    if split != "train":
        other: Split = "test" if split == "val" else "val"
        serving = of_split(path, other)
        if serving:
            return replace(serving, notes=(*serving.notes, f"no {split} pairs: {other} serves"))
    return _held_out(of_split(path, "train") or of_folder(path), split)


def _pairs_of_split(path: Path, split: Split) -> Listing | None:
    for name in SPLITS[split]:
        if (path / name).is_dir():
            return _pairs(path / name)
        for first, second in SIDES:
            flat, nested = (
                (path / f"{name}{first}", path / f"{name}{second}"),
                (path / first / name, path / second / name),
            )
            for one, two in (flat, nested):
                if one.is_dir() or two.is_dir():
                    return _two_folders(one, two)
    return None


def _photos_of_split(path: Path, split: Split) -> Listing | None:
    there = [path / name for name in SPLITS[split] if (path / name).is_dir()]
    return _photos(there[0]) if there else None


def _photos(folder: Path) -> Listing:
    """All photos below a folder, but for those of its splits: they are never taken for training by the way."""
    splits = {folder / name for names in SPLITS.values() for name in names}
    walk = [(Path(d), names) for d, _, names in os.walk(folder) if not splits & {Path(d), *Path(d).parents}]
    found = sorted(d / n for d, names in walk for n in names if is_picture(n))
    if not found:
        raise DataError(f"0 pictures in {folder}", mend=f"Looked for {' '.join(SUFFIXES)}, in folders below, too.")
    return Listing([Item(str(p.relative_to(folder).with_suffix("")), (p,)) for p in found])


def _held_out(everything: Listing, split: Split) -> Listing:
    items = everything.items
    if len(items) < 2:
        raise DataError(f"{items[0].files[0]}: one pair is too few; there must be one to learn from and one to look at")
    is_training = split == "train"
    chosen = [
        item for i, item in enumerate(items) if (i % HELD_OUT == HELD_OUT - 1 or i == len(items) - 1) != is_training
    ]
    count = len(items) - len(chosen) if is_training else len(chosen)
    note = f"no folder for validation: every {HELD_OUT}th pair ({count}) is held out of training"
    return replace(everything, items=chosen, notes=(*everything.notes, note))


def _pairs(folder: Path) -> Listing:
    for first, second in SIDES:
        if (folder / first).is_dir() or (folder / second).is_dir():
            return _two_folders(folder / first, folder / second)
    files = pictures(folder)
    return Listing([Item(stem, (file,)) for stem, file in files.items()], ("two halves side by side in each picture",))


def _two_folders(one: Path, two: Path) -> Listing:
    for folder, other in ((one, two), (two, one)):
        if not folder.is_dir():
            raise DataError(
                f"{folder}: no such folder", mend=f"Its partner {other} is there; both are needed, with the same names."
            )
    first, second = pictures(one), pictures(two)
    alone = [f"{k} (only in {one.name})" for k in first.keys() - second.keys()]
    alone += [f"{k} (only in {two.name})" for k in second.keys() - first.keys()]
    if alone:
        raise DataError(
            f"{one.parent}: {len(alone)} pictures have no partner: {listed(alone, most=3)}",
            mend=f"{one.name} holds {len(first)}, {two.name} {len(second)}; pairs need the same names.",
        )
    return Listing(
        [Item(k, (first[k], second[k])) for k in first], (f"pairs from the folders {one.name} and {two.name}",)
    )


def pictures(folder: Path) -> dict[str, Path]:
    """The picture files directly in a folder by stem, ordered by name; junk of file managers is passed over."""
    names = sorted(n for n in _names(folder) if n.lower() not in JUNK and not n.startswith("."))
    found: dict[str, Path] = {}
    for name in filter(is_picture, names):
        path = folder / name
        if path.stem in found:
            raise DataError(f"{found[path.stem]} and {path} have one name", mend="Take one of them away.")
        found[path.stem] = path
    if not found:
        others = Counter(Path(n).suffix or "no suffix" for n in names).most_common(3)
        there = f"; it holds {', '.join(f'{c} {s}' for s, c in others)}" if others else ""
        raise DataError(f"0 pictures in {folder}{there}", mend=f"Looked for {' '.join(SUFFIXES)}.")
    return found


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        raise ResourceError(f"{folder}: {error.strerror}", mend="Give yourself the right to read it.") from None
