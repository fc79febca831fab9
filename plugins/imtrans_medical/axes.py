"""Which way the axes of a volume run in the body, and how slices of a plane lie in the file."""

from typing import Any, NamedTuple

import numpy as np

from imtrans.errors import DataError
from imtrans.kit.images import Array
from imtrans.kit.pretrained import installed

# Rows, columns and slices run towards these sides, as such slices are shown: A front, P back, L left, R right, S head,
# I feet.
PLANES = {"axial": "PLS", "coronal": "ILP", "sagittal": "IPR"}
OPPOSITE = dict(zip("LRPASI", "RLAPIS", strict=True))
FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])  # between L, P, S (DICOM, ITK) and R, A, S (NIfTI), either way


class Order(NamedTuple):
    """For rows, columns and slices: which axis of the file it is, and whether it runs the other way there."""

    axes: tuple[int, int, int]
    is_flipped: tuple[bool, bool, bool]

    def sizes(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Numbers of rows, columns and slices of a volume of this shape in the file."""
        rows, columns, slices = (shape[axis] for axis in self.axes)
        return rows, columns, slices

    def stored(self, number: int, count: int) -> int:
        """Where slice `number` of `count` lies on its axis of the file."""
        return count - 1 - number if self.is_flipped[2] else number

    def turned(self, plane: Array) -> Array:
        """A plane of the file, its two axes in the file's order, as rows and columns; applied to those, the reverse
        is `turned_back`."""
        if self.axes[0] > self.axes[1]:
            plane = plane.T
        return plane[_steps(self.is_flipped)]

    def turned_back(self, picture: Array) -> Array:
        """Rows and columns as the file has them."""
        picture = picture[_steps(self.is_flipped)]
        return picture.T if self.axes[0] > self.axes[1] else picture


def directions(affine: Array, name: str) -> str:
    """Where each axis of a file runs to, as "LPS": the nearest of the body's axes. DataError for an affine that has
    no directions. The affine gives millimetres to R, A and S."""
    orientations: Any = installed("nibabel.orientations", needed_by=name, extra="medical")
    codes: Any = orientations.aff2axcodes(affine) if np.isfinite(affine).all() else (None,)
    if None in codes:
        raise DataError(
            f"{name}: its affine has no direction for an axis", hint=f"It is {np.round(affine, 3).tolist()}"
        )
    return "".join(codes)


def plane_of(affine: Array, name: str) -> str:
    """The plane whose slices lie one after the other in a file: that of its last axis."""
    last = directions(affine, name)[2]
    return next(plane for plane, axes in PLANES.items() if axes[2] in (last, OPPOSITE[last]))


def order_of(affine: Array, axes: str, name: str) -> Order:
    """Where rows, columns and slices that run to `axes` lie in a file. "": slices as they lie in the file, turned as
    such are shown."""
    stored = directions(affine, name)
    wanted = axes or PLANES[plane_of(affine, name)]
    places: list[Any] = [next(i for i, s in enumerate(stored) if s in (w, OPPOSITE[w])) for w in wanted]
    flips = [stored[place] != w for place, w in zip(places, wanted, strict=True)]
    return Order((places[0], places[1], places[2]), (flips[0], flips[1], flips[2]))


def _steps(flips: tuple[bool, ...]) -> tuple[slice, slice]:
    rows, columns = (slice(None, None, -1 if flip else 1) for flip in flips[:2])
    return rows, columns
