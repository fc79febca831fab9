"""Pairs in folders A and B that are files of any kind, and whose they are."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imtrans.errors import ConfigError, DataError, join_names

SPLITS = ("train", "val", "test")
Named = Callable[[Path], Mapping[str, Path]]


@dataclass(frozen=True)
class SidePair:
    """Two files of one thing, and the name that they share."""

    name: str
    source: Path
    target: Path


def side_pairs(folder: Path, split: str, named: Named, *, kind: str) -> tuple[list[SidePair], bool]:
    """The pairs of a split, and whether all splits are one: of folder/train/A and B (and val, test), or folder/A and B.

    `named` gives the files of a folder by name, `kind` is what they are called. DataError where there are none, or a
    file has no partner.
    """
    divided = folder / split
    if not divided.is_dir() and (folder / "train").is_dir():
        if split == "test":
            return side_pairs(folder, "val", named, kind=kind)
        raise DataError(f"{folder}: holds no folder {split}", hint="Give folders train and val, each with A and B.")
    top = divided if divided.is_dir() else folder
    sides = [named(top / side) for side in ("A", "B")]
    if alone := set(sides[0]) ^ set(sides[1]):
        raise DataError(f"{top}: {join_names(alone, most=3)} without a partner in A or B")
    if not sides[0]:
        raise DataError(f"{top}: no {kind}", hint=f"Give folders A and B with {kind} of the same names.")
    return [SidePair(name, path, sides[1][name]) for name, path in sides[0].items()], top == folder


def subject_of(
    names: Mapping[str, Sequence[str]], pattern: str, *, otherwise: Callable[[str], str]
) -> Callable[[str], str]:
    """Gives by a name whose it is, a patient's: what the pattern finds in it, or its first group; "": `otherwise`.

    `names` are those of each split. ConfigError for a pattern that is none, DataError for a name that it does not fit,
    and for one subject in two splits.
    """
    find, seen = _by_pattern(pattern) if pattern else otherwise, dict[str, str]()
    for split, some in names.items():
        for name in some:
            other = seen.setdefault(find(name), split)
            if other != split:
                what = f"patient {find(name)!r} is in {other} and in {split} ({name})"
                hint = "Keep a patient in one split; or say where names have the patient: --set dataset.patient=PATTERN"
                raise DataError(what, hint=hint)
    return find


def _by_pattern(pattern: str) -> Callable[[str], str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        hint = "A regular expression, as sub-[0-9]+ or ^([^_]+)"
        raise ConfigError(f"dataset.patient {pattern!r}: {error}", hint=hint) from None

    def find(name: str) -> str:
        match = compiled.search(name)
        if match is None or (compiled.groups and match[1] is None):
            what = f"{name}: its name does not fit dataset.patient={pattern}"
            raise DataError(what, hint="What the pattern finds, or its first group, is the patient's name.")
        return match[1] if compiled.groups else match[0]

    return find
