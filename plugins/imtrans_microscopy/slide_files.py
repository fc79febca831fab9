"""Which slides belong together, and which of them are of one patient."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imtrans.errors import ConfigError, DataError, join_names
from imtrans_microscopy.tiff_slide import TiffSlide
from imtrans_microscopy.zarr_slide import ZarrSlide

SUFFIXES = (".ome.tif", ".ome.tiff", ".tif", ".tiff", ".btf", ".svs", ".ndpi", ".scn", ".bif", ".ome.zarr", ".zarr")


@dataclass(frozen=True)
class SlidePair:
    """Two slides of one grid, and the name that they share."""

    name: str
    source: Path
    target: Path


def open_slide(path: Path, *, level: int = 0, microns: float = 0.0) -> Any:
    """A slide of any kind, at one level."""
    kind = ZarrSlide if path.is_dir() else TiffSlide
    return kind(path, level=level, microns=microns)


def pairs_of(folder: Path, split: str) -> tuple[list[SlidePair], bool]:
    """The pairs of a split, and whether all splits are one: of folder/train/A and B (and val, test), or folder/A and B.

    DataError where there are none, or a file has no partner.
    """
    divided = folder / split
    if not divided.is_dir() and (folder / "train").is_dir():
        if split == "test":
            return pairs_of(folder, "val")
        raise DataError(f"{folder}: holds no folder {split}", hint="Give folders train and val, each with A and B.")
    top = divided if divided.is_dir() else folder
    sides = [_named(top / side) for side in ("A", "B")]
    if alone := set(sides[0]) ^ set(sides[1]):
        raise DataError(f"{top}: {join_names(alone, most=3)} without a partner in A or B")
    if not sides[0]:
        raise DataError(f"{top}: no slides", hint="Give folders A and B with slides of the same names.")
    return [SlidePair(name, path, sides[1][name]) for name, path in sides[0].items()], top == folder


class Patients:
    """Whose a slide is, by its name: what the first group of a pattern takes of it, "" for the whole name."""

    def __init__(self, pattern: str) -> None:
        try:
            self._pattern = re.compile(pattern or "(.*)")
        except re.error as error:
            raise ConfigError(f"dataset.patient={pattern}: {error}", hint="For example: ^([^_]+)") from None
        if not self._pattern.groups:
            raise ConfigError(f"dataset.patient={pattern}: has no group", hint="For example: ^([^_]+)")

    def of(self, name: str) -> str:
        """The patient of a slide. DataError where the pattern does not fit its name."""
        match = self._pattern.search(name)
        if not match or match[1] is None:
            what = f"{name}: its name does not fit dataset.patient={self._pattern.pattern}"
            raise DataError(what, hint="The first group of the pattern is the patient's name.")
        return match[1]

    def check_apart(self, folder: Path) -> None:
        """DataError where slides of one patient lie in two of the folders train, val and test."""
        of: dict[str, str] = {}
        for split in ("train", "val", "test"):
            for name in _named(folder / split / "A"):
                patient = self.of(name)
                if of.setdefault(patient, split) != split:
                    what = f"{folder}: slides of {patient} are in {of[patient]} and in {split}"
                    raise DataError(what, hint="Keep all slides of a patient in one of them.")


def _named(folder: Path) -> Mapping[str, Path]:
    paths = sorted(folder.glob("*")) if folder.is_dir() else []
    named: dict[str, Path] = {}
    for path in paths:
        fitting = [s for s in SUFFIXES if path.name.lower().endswith(s)]
        if fitting and not path.name.startswith("."):
            name = path.name[: -max(map(len, fitting))]
            if name in named:
                raise DataError(f"{named[name]} and {path}: two slides of one name", hint="Rename one of them.")
            named[name] = path
    return named
