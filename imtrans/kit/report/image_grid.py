"""Sheets of pictures: rows of panels on white (`sheet`), or a plain grid on black (`grid`)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from imtrans.kit.images.array import Array
from imtrans.kit.images.resize import resize

GAP = 4  # pixels around each panel
MIN_PANEL = 128  # pixels of the shorter side; smaller panels are enlarged by a whole number
LINE = 2  # pixels between the pictures of a grid
MAX_ROW_WIDTH = 900  # pixels; narrower rows are placed in two columns


class Place(NamedTuple):
    """The place of a panel on a sheet: upper left corner, size in pixels, and by what factor it was enlarged."""

    x: int
    y: int
    width: int
    height: int
    scale: int


def sheet(rows: Sequence[Sequence[Array]]) -> Array:
    """(H, W, 3) uint8 with one row of panels for each sequence; panels are (h, w, 3) uint8 of any size."""
    lines = [_row(panels) for panels in rows]
    height, width = (max(line.shape[i] for line in lines) for i in (0, 1))
    padded = [_pad(line, height, width) for line in lines]
    columns = _columns(len(lines), width)
    padded += [np.full_like(padded[0], 255)] * (-len(padded) % columns)
    return np.concatenate(
        [np.concatenate(padded[i : i + columns], axis=1) for i in range(0, len(padded), columns)], axis=0
    )


class Grid(NamedTuple):
    """Pictures in a row, number of rows, and (height, width) of each picture; None: unchanged."""

    columns: int
    rows: int
    size: tuple[int, int] | None = None


def grid(pictures: Sequence[Array], shape: Grid) -> Array:
    """(H, W, 3) uint8 of the first `columns` * `rows` pictures in rows, on black, placed as by torchvision's make_grid.

    Pictures are (h, w, 3) uint8; 2 pixels lie around each, so that eight of 256 x 256 give 2066 x 260. Fewer pictures
    give fewer columns and rows; a smaller one is placed in the upper left corner of its cell.
    """
    cells = [resize(p, shape.size, "area") if shape.size else p for p in pictures[: shape.columns * shape.rows]]
    height, width = (max(cell.shape[axis] for cell in cells) + LINE for axis in (0, 1))
    columns = min(shape.columns, len(cells))
    canvas = np.zeros((-(-len(cells) // columns) * height + LINE, columns * width + LINE, 3), np.uint8)
    for index, cell in enumerate(cells):
        y, x = index // columns * height + LINE, index % columns * width + LINE
        canvas[y : y + cell.shape[0], x : x + cell.shape[1]] = cell
    return canvas


def places(rows: Sequence[Sequence[Array]]) -> list[list[Place]]:
    """Where `sheet` places each panel, so that it can be cut out again."""
    lines = [_row_places(panels) for panels in rows]
    width = max(line[-1].x + line[-1].width + GAP for line in lines)
    height = max(p.height for line in lines for p in line) + 2 * GAP
    columns = _columns(len(lines), width)
    return [
        [p._replace(x=p.x + i % columns * width, y=p.y + i // columns * height) for p in line]
        for i, line in enumerate(lines)
    ]


def _row_places(panels: Sequence[Array]) -> list[Place]:
    scale, x, row = _scale(panels), GAP, []
    for panel in panels:
        height, width = (n * scale for n in panel.shape[:2])
        row.append(Place(x, GAP, width, height, scale))
        x += width + 2 * GAP
    return row


def _columns(count: int, width: int) -> int:
    return 2 if count > 1 and width < MAX_ROW_WIDTH else 1


def _scale(panels: Sequence[Array]) -> int:
    # One factor for a row, by its first panel: panels of other sizes keep their proportions to it.
    side: int = min(panels[0].shape[:2])
    return max(1, -(-MIN_PANEL // side))


def _row(panels: Sequence[Array]) -> Array:
    framed = [
        np.pad(_enlarge(p, _scale(panels)), ((GAP, GAP), (GAP, GAP), (0, 0)), constant_values=255) for p in panels
    ]
    height = max(p.shape[0] for p in framed)
    return np.concatenate([_pad(p, height, p.shape[1]) for p in framed], axis=1)


def _pad(picture: Array, height: int, width: int) -> Array:
    margins = ((0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0))
    return np.pad(picture, margins, constant_values=255)


def _enlarge(picture: Array, scale: int) -> Array:
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)
