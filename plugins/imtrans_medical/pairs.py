"""Which volumes are pairs, and whose they are."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imtrans.errors import ConfigError, DataError, join_names
from imtrans_medical.opening import volumes_in
from imtrans_medical.volume import Volume

SPLITS = ("train", "val", "test")
APART = 0.1  # voxels: how far two grids may lie apart and still be one
PatientOf = Callable[[str], str]


@dataclass(frozen=True)
class VolumePair:
    """Two volumes on one grid, and the name that they share."""

    name: str
    source: Path
    target: Path


def pairs_of(folder: Path, split: str) -> tuple[list[VolumePair], bool]:
    """The pairs of a split, and whether all splits are one: of folder/train/A and B (and val, test), or folder/A and B.

    DataError where there are none, or a volume has no partner.
    """
    divided = folder / split
    if not divided.is_dir() and (folder / "train").is_dir():
        if split == "test":
            return pairs_of(folder, "val")
        raise DataError(f"{folder}: holds no folder {split}", hint="Give folders train and val, each with A and B.")
    top = divided if divided.is_dir() else folder
    sides: list[Mapping[str, Path]] = [dict(volumes_in(top / side)) for side in ("A", "B")]
    if alone := set(sides[0]) ^ set(sides[1]):
        raise DataError(f"{top}: {join_names(alone, most=3)} without a partner in A or B")
    if not sides[0]:
        raise DataError(f"{top}: no volumes", hint="Give folders A and B with volumes of the same names.")
    return [VolumePair(name, path, sides[1][name]) for name, path in sides[0].items()], top == folder


def patients(folder: Path, pattern: str) -> PatientOf:
    """Gives by the name of a volume that of its patient: what the pattern finds in it, or its first group.

    Without a pattern it is the name up to the first _, or the whole name where these are all alike. DataError for a
    patient in two splits, ConfigError for a pattern that is none.
    """
    names = {split: [name for name, _ in volumes_in(folder / split / "A")] for split in SPLITS}
    everyone = [name for some in names.values() for name in some] or [name for name, _ in volumes_in(folder / "A")]
    patient_of = _by_pattern(pattern) if pattern else _by_head(everyone)
    seen: dict[str, str] = {}
    for split, some in names.items():
        for name in some:
            other = seen.setdefault(patient_of(name), split)
            if other != split:
                what = f"{folder}: patient {patient_of(name)!r} is in {other} and in {split} ({name})"
                hint = "Keep a patient in one split; or say where names have the patient: --set dataset.patient=PATTERN"
                raise DataError(what, hint=hint)
    return patient_of


def _by_pattern(pattern: str) -> PatientOf:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        hint = "A regular expression, as sub-[0-9]+"
        raise ConfigError(f"dataset.patient {pattern!r}: {error}", hint=hint) from None

    def patient_of(name: str) -> str:
        match = compiled.search(name)
        return name if match is None else match[1] if compiled.groups else match[0]

    return patient_of


def _by_head(names: Sequence[str]) -> PatientOf:
    if len({name.partition("_")[0] for name in names}) == 1:
        return str
    return lambda name: name.partition("_")[0]


def check_grid(pair: VolumePair, one: Volume, two: Volume) -> None:
    """DataError where two volumes do not lie on each other."""
    fault = ""
    if one.shape != two.shape:
        shapes = " and ".join(" x ".join(map(str, each.shape)) for each in (one, two))
        fault = f"are of {shapes} voxels"
    elif (distance := _distance(one, two)) > APART:
        fault = f"lie {distance:.3g} voxels apart"
    if fault:
        hint = "Bring both to one grid, with nibabel.processing.resample_from_to or another program."
        raise DataError(f"{pair.source} and {pair.target}: {fault}", hint=hint)


def _distance(one: Volume, two: Volume) -> float:
    """How far a corner of one lies from that of the other, in voxels."""
    ends = [(0, n - 1) for n in one.shape]
    corners = np.array([(i, j, k, 1) for i in ends[0] for j in ends[1] for k in ends[2]], float)
    apart = (corners @ (one.affine - two.affine).T)[:, :3]
    spacing = np.sqrt((one.affine[:3, :3] ** 2).sum(0)).min()
    return float(np.sqrt((apart**2).sum(1)).max() / spacing)
