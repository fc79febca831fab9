"""Pictures side by side on white, to be looked at."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from imtrans.kit.images.convert import resize

Array = np.ndarray[Any, Any]
GAP = 4  # pixels around each panel
SMALLEST = 128  # smaller panels are enlarged by a whole number
LINE = 2  # pixels between the pictures of a grid
WIDEST = 900  # rows below this stand two beside each other


class Place(NamedTuple):
    """Where a panel stands on a sheet: its corner and size in pixels, and by what it was enlarged."""

    x: int
    y: int
    width: int
    height: int
    scale: int


def sheet(rows: Sequence[Sequence[Array]]) -> Array:
    """(H, W, 3) uint8 with one row of panels for each sequence; panels are (h, w, 3) uint8 of any size."""
    lines = [_row(panels) for panels in rows]
    height, width = (max(line.shape[i] for line in lines) for i in (0, 1))
    filled = [_grown(line, height, width) for line in lines]
    columns = _columns(len(lines), width)
    filled += [np.full_like(filled[0], 255)] * (-len(filled) % columns)
    return np.concatenate(
        [np.concatenate(filled[i : i + columns], axis=1) for i in range(0, len(filled), columns)], axis=0
    )


class Grid(NamedTuple):
    """How many pictures stand in a row, how many rows there are, and the height and width of each; None: its own."""

    columns: int
    rows: int
    size: tuple[int, int] | None = None


def grid(pictures: Sequence[Array], shape: Grid) -> Array:
    """(H, W, 3) uint8 of the first `columns` * `rows` pictures in rows, on black, placed as by torchvision's make_grid.

    Pictures are (h, w, 3) uint8; 2 pixels lie around each, so that eight of 256 x 256 give 2066 x 260. Fewer than
    asked for give fewer columns and rows; a smaller one stands in the corner of its cell.
    """
    cells = [resize(p, shape.size, "area") if shape.size else p for p in pictures[: shape.columns * shape.rows]]
    height, width = (max(cell.shape[axis] for cell in cells) + LINE for axis in (0, 1))
    columns = min(shape.columns, len(cells))
    made = np.zeros((-(-len(cells) // columns) * height + LINE, columns * width + LINE, 3), np.uint8)
    for index, cell in enumerate(cells):
        y, x = index // columns * height + LINE, index % columns * width + LINE
        made[y : y + cell.shape[0], x : x + cell.shape[1]] = cell
    return made


def places(rows: Sequence[Sequence[Array]]) -> list[list[Place]]:
    """Where `sheet` puts each panel, so that it can be cut out again."""
    lines = [_placed(panels) for panels in rows]
    width = max(line[-1].x + line[-1].width + GAP for line in lines)
    height = max(p.height for line in lines for p in line) + 2 * GAP
    columns = _columns(len(lines), width)
    return [
        [p._replace(x=p.x + i % columns * width, y=p.y + i // columns * height) for p in line]
        for i, line in enumerate(lines)
    ]


def _placed(panels: Sequence[Array]) -> list[Place]:
    scale, x, found = _scale(panels), GAP, []
    for panel in panels:
        height, width = (n * scale for n in panel.shape[:2])
        found.append(Place(x, GAP, width, height, scale))
        x += width + 2 * GAP
    return found


def _columns(count: int, width: int) -> int:
    return 2 if count > 1 and width < WIDEST else 1


def _scale(panels: Sequence[Array]) -> int:
    smallest: int = min(panels[0].shape[:2])
    return max(1, -(-SMALLEST // smallest))


def _row(panels: Sequence[Array]) -> Array:
    framed = [
        np.pad(_enlarged(p, _scale(panels)), ((GAP, GAP), (GAP, GAP), (0, 0)), constant_values=255) for p in panels
    ]
    height = max(p.shape[0] for p in framed)
    return np.concatenate([_grown(p, height, p.shape[1]) for p in framed], axis=1)


def _grown(picture: Array, height: int, width: int) -> Array:
    room = ((0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0))
    return np.pad(picture, room, constant_values=255)


def _enlarged(picture: Array, scale: int) -> Array:
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)
