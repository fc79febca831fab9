"""Where the slices of a series of DICOM lie in the body."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from imtrans.errors import DataError
from imtrans.kit.images import Array
from imtrans_medical.axes import FLIP

GRID = ("Rows", "Columns", "ImageOrientationPatient", "PixelSpacing", "SeriesInstanceUID")
EVEN = 0.01  # of the spacing: how far a slice may lie from its place
Head = tuple[Any, Path]  # a header and its file


class Placed(NamedTuple):
    """The affine, to millimetres to R, A and S; the slices in the order of their positions; and lines to heed."""

    affine: Array
    heads: list[Head]
    notes: list[str]


def check_series(heads: list[Head]) -> None:
    """DataError for files that are no grey slices of one series."""
    first = heads[0][0]
    for head, file in heads:
        if "Rows" not in head or "BitsStored" not in head:
            raise DataError(f"{file}: has no picture", hint="Give slices alone, not reports or structures.")
        if int(head.get("NumberOfFrames") or 1) > 1:
            raise DataError(f"{file}: is of several frames", hint="Convert it to NIfTI, as dcm2niix does.")
        if head.PhotometricInterpretation not in ("MONOCHROME1", "MONOCHROME2"):
            hint = "Colours are plain pictures: save them as PNG or TIFF."
            raise DataError(f"{file}: of {head.PhotometricInterpretation}; grey slices are read", hint=hint)
        if other := next((tag for tag in GRID if head.get(tag) != first.get(tag)), ""):
            what = f"{file} and {heads[0][1]}: differ in {other}"
            raise DataError(what, hint="Give each series a folder of its own.")


def placed(heads: list[Head], name: str) -> Placed:
    """Where the slices of a series lie. DataError for two at one place."""
    first = heads[0][0]
    spacing = [float(s) for s in first.get("PixelSpacing") or first.get("ImagerPixelSpacing") or (1, 1)]
    directions = np.array(first.get("ImageOrientationPatient") or (1, 0, 0, 0, 1, 0), float).reshape(2, 3)
    normal = np.cross(*directions)
    step = float(first.get("SliceThickness") or 1) * normal
    if all(head.get("ImagePositionPatient") for head, _ in heads):
        position = {file: np.array(head.ImagePositionPatient, float) for head, file in heads}
        ordered = sorted(heads, key=lambda head: float(position[head[1]] @ normal))
        positions = np.array([position[file] for _, file in ordered])
        step, notes = _step(positions, name) if len(heads) > 1 else (step, [])
        origin = positions[0]
    else:
        ordered = sorted(heads, key=lambda head: int(head[0].get("InstanceNumber") or 0))
        said = "its slices do not say where they lie: taken in the order of InstanceNumber"
        origin, notes = np.zeros(3), [said] if len(heads) > 1 else []
    affine = np.eye(4)
    # PixelSpacing is that of rows, then of columns; the first direction is that along a row.
    affine[:3] = np.stack([directions[0] * spacing[1], directions[1] * spacing[0], step, origin], axis=1)
    return Placed(FLIP @ affine, ordered, notes)


def _step(positions: Array, name: str) -> tuple[Array, list[str]]:
    """The way from one slice to the next, and what is to be said of it."""
    step: Array = (positions[-1] - positions[0]) / (len(positions) - 1)
    distances = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    low, high = distances.min(), distances.max()
    if low <= EVEN * high:
        raise DataError(f"{name}: two slices at one place", hint="Give each series (or point in time) a folder.")
    off = np.abs(positions - positions[0] - np.arange(len(positions))[:, None] * step).max()
    note = f"its slices are {low:.4g} to {high:.4g} mm apart; one may be missing"
    return step, [note] if off > EVEN * high else []
