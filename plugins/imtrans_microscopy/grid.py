"""What a slide says of its planes and of the size of its pixels, and which of its levels is meant."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from imtrans.errors import ConfigError, DataError

NEAR = 0.05  # relative difference of two sizes of pixels that are one
MICRONS = {"m": 1e6, "cm": 1e4, "mm": 1e3, "µm": 1.0, "um": 1.0, "nm": 1e-3, "pm": 1e-6}
MICRONS |= {"meter": 1e6, "centimeter": 1e4, "millimeter": 1e3, "micrometer": 1.0, "nanometer": 1e-3}

Microns = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The axes of the planes ("T", "Z", both or none) and how many there are along each; the size of a pixel in microns
    along y and x, the distance of slices, and where the first pixel lies; None where that is not known."""

    axes: str = ""
    counts: tuple[int, ...] = ()
    microns: Microns | None = None
    depth: float | None = None
    origin: Microns | None = None

    def smaller(self, times: Microns) -> "Grid":
        """That of a level whose pixels are so many times as large along y and x."""
        if self.microns is None:
            return self
        return replace(self, microns=(self.microns[0] * times[0], self.microns[1] * times[1]))


def grid_of(raster: Any) -> Grid:
    """That of a file that is to be translated; one of another format has slices of unknown size, which it notes."""
    known = getattr(raster, "grid", None)
    if isinstance(known, Grid):
        return known
    if isinstance(raster.notes, list):
        raster.notes.append("what its own format says beside the pixels is not in the translation, of another")
    return Grid(axes="Z", counts=(raster.planes,)) if raster.planes > 1 else Grid()


def chosen_level(path: Path, sizes: Sequence[tuple[int, int]], grid: Grid, *, level: int, microns: float) -> int:
    """The number of the level that is read: `level`, or that whose pixels are of so many `microns`, where not 0.

    ConfigError for both, DataError where the file has no such level: the message lists those that it has.
    """
    if level and microns:
        raise ConfigError("level and microns: not both", hint="Leave out one of them.")
    grids = [level_grid(grid, sizes, number) for number in range(len(sizes))]
    if microns:
        if grid.microns is None:
            raise DataError(f"{path}: does not say how large its pixels are", hint="Choose a level by its number.")
        fitting = [n for n, g in enumerate(grids) if g.microns and abs(g.microns[1] / microns - 1) <= NEAR]
        if not fitting:
            raise DataError(f"{path}: no level of {microns:g} microns a pixel", hint=_listed(sizes, grids))
        return fitting[0]
    if level >= len(sizes):
        raise DataError(f"{path}: no level {level}", hint=_listed(sizes, grids))
    return level


def level_grid(grid: Grid, sizes: Sequence[tuple[int, int]], level: int) -> Grid:
    """The grid of a level, of a file whose first level has `grid`."""
    # Programs round odd sizes up or down; a pixel is a whole number of times as large all the same.
    times = [whole / size for whole, size in zip(sizes[0], sizes[level], strict=True)]
    near = [float(round(t)) if abs(t - round(t)) < NEAR * t else t for t in times]
    return grid.smaller((near[0], near[1]))


def _listed(sizes: Sequence[tuple[int, int]], grids: Sequence[Grid]) -> str:
    parts = [
        f"{number}: {size[1]} x {size[0]}" + (f" of {grid.microns[1]:.4g} microns" if grid.microns else "")
        for number, (size, grid) in enumerate(zip(sizes, grids, strict=True))
    ]
    return f"Its levels are {'; '.join(parts)}."
