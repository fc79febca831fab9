"""The picture files of a folder, and lists of pairs made of them."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imtrans.errors import DataError, join_names
from imtrans.interfaces import DatasetDescription, Issue
from imtrans.kit.formats import SUFFIXES
from imtrans.kit.pairing.parts import Part
from imtrans.kit.picture_files import find_pictures, key_of, unreadable
from imtrans_datasets.pairing.file_names import FilesByStem, Lazily, are_distinct, stem_of


@dataclass(frozen=True, slots=True)
class Item:
    """One pair: its key, and one file that holds both sides, or two. Text: a million Path objects fill a gigabyte.

    `parts` are those of the file, or files, that are source and target; () where each file is one side, or a photo.
    """

    key: str
    paths: tuple[str, ...]
    parts: tuple[Part | None, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the pair: one with both halves, or two."""
        return tuple(map(Path, self.paths))

    def place(self, side: int) -> tuple[Path, Part | None]:
        """Where a side lies, 0 the source or -1 the target: the file, and the part of it."""
        return Path(self.paths[side]), self.parts[side] if self.parts else None


@dataclass(frozen=True, kw_only=True)
class Listing(DatasetDescription):
    """The pairs of a split in the order of their names, with the description of the data set that they make.

    `issues` are pictures that make no pair, and `refusal` is the error to raise for them, unless they are skipped.
    `everything` gives the pairs of all splits.
    """

    items: Sequence[Item]
    refusal: DataError | None = None
    everything: Callable[[], Sequence[Item]] | None = None


@dataclass(frozen=True)
class Scan:
    """The pictures of a folder by stem (with the folders below it), in the order of their bytes, and notes.

    Of several pictures of one stem none is among them: they are in `doubles`. `unread` are those of formats that are
    not read, by stem.
    """

    files: Mapping[str, str]
    notes: tuple[str, ...]
    doubles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def issues(self) -> tuple[Issue, ...]:
        """Pictures of one name, of which none is used."""
        return tuple(one_name(paths) for paths in self.doubles.values())

    @property
    def refusal(self) -> DataError | None:
        """The error to raise for the first of the issues."""
        return next((DataError(issue.what, hint=issue.hint) for issue in self.issues), None)


def scan(folder: Path, *, deep: bool = False, skip: Collection[str] = ()) -> Scan:
    """The picture files in a folder, with `deep` in those below it, too, except the top ones that `skip` names.

    Links are followed, no folder twice; hidden files and those of file managers are skipped. DataError where there are
    no pictures; ResourceError where a folder cannot be read.
    """
    pictures = find_pictures(folder, deep=deep, skip=skip)
    if not pictures.names:
        raise DataError(f"0 pictures in {folder}{pictures.rest_text()}", hint=f"Looked for {' '.join(SUFFIXES)}.")
    files: Mapping[str, str] = FilesByStem(str(folder), pictures.names)
    doubles: Mapping[str, tuple[str, ...]] = {}
    if not are_distinct(files, len(files)):
        files, doubles = _without_doubles(folder, pictures.names)
    unread = {os.path.splitext(name)[0].replace(os.sep, "/"): os.path.join(folder, name) for name in pictures.unread}
    return Scan(files, (*pictures.notes(), *_same_but_case([*files, *doubles] if doubles else files)), doubles, unread)


def _without_doubles(folder: Path, names: Sequence[str]) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """The paths of stems that one file has, and those of stems that several have."""
    paths: dict[str, list[str]] = {}
    for name in names:
        paths.setdefault(stem_of(name), []).append(os.path.join(folder, name))
    single = {stem: found[0] for stem, found in paths.items() if len(found) == 1}
    return single, {stem: tuple(found) for stem, found in paths.items() if len(found) > 1}


def items_of(files: Mapping[str, str], parts: tuple[Part | None, ...] = ()) -> Sequence[Item]:
    """A pair, or a photo, of each of these files."""
    if not isinstance(files, FilesByStem):
        return [Item(key_of(stem), (path,), parts) for stem, path in files.items()]
    names, path = files.names, files.path
    return Lazily(len(files), lambda i: Item(key_of(stem_of(names[i])), (path(i),), parts))


def one_name(paths: Sequence[str]) -> Issue:
    """Pictures of one name, of which none is known to be the right one."""
    what = f"{' and '.join(map(key_of, paths))} have one name"
    return Issue(code="same-name", what=what, hint="Remove or rename one of them.", files=tuple(map(Path, paths)))


def check_folder(path: Path) -> None:
    """DataError unless the path is a folder, ResourceError where it may not be looked up."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise DataError(f"{path}: no such folder", hint="Give the path of a folder that is there.") from None
    except OSError as error:
        raise unreadable(path, error) from None
    if not is_folder(path):
        raise DataError(f"{path}: is a file, not a folder", hint="Give a folder, or a .csv or .jsonl file of pairs.")


def is_folder(path: Path) -> bool:
    """Whether there is a folder; ResourceError where it may not be looked up."""
    try:
        return path.is_dir()
    except OSError as error:  # it is the folder above that may not be searched
        raise unreadable(path.parent, error) from None


def _same_but_case(files: Collection[str]) -> Iterator[str]:
    """Names that are one name on other systems."""
    if all(stem == stem.casefold() for stem in files):  # they differ
        return
    if are_distinct((stem.casefold() for stem in files), len(files)):
        return
    counts = Counter(stem.casefold() for stem in files)
    if len(counts) == len(files):
        return
    same = [key_of(stem) for stem in files if counts[stem.casefold()] > 1]
    yield f"names that differ only in case: {join_names(same, most=4)}; two pictures each, in the order of their bytes"
