"""Whose volumes are, and whether two lie on one grid."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from imtrans.errors import DataError
from imtrans.kit.pairing.sides import SPLITS, SidePair, subject_of
from imtrans_medical.opening import volumes_in
from imtrans_medical.volume import Volume

APART = 0.1  # voxels: how far two grids may lie apart and still be one


def patients(folder: Path, pattern: str) -> Callable[[str], str]:
    """Gives by the name of a volume that of its patient: what the pattern finds in it, or its first group.

    Without a pattern it is the name up to the first _, or the whole name where these are all alike. DataError for a
    patient in two splits and a name without one, ConfigError for a pattern that is none.
    """
    names = {split: [*volumes_in(folder / split / "A")] for split in SPLITS}
    everyone = [name for some in names.values() for name in some] or [*volumes_in(folder / "A")]
    are_alike = len({name.partition("_")[0] for name in everyone}) == 1
    return subject_of(names, pattern, otherwise=str if are_alike else lambda name: name.partition("_")[0])


def check_grid(pair: SidePair, one: Volume, two: Volume) -> None:
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
