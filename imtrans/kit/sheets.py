"""Pictures side by side on white, to be looked at."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
GAP = 4  # pixels around each panel
SMALLEST = 128  # smaller panels are enlarged by a whole number
WIDEST = 900  # rows below this stand two beside each other


def sheet(rows: Sequence[Sequence[Array]]) -> Array:
    """(H, W, 3) uint8 with one row of panels for each sequence; panels are (h, w, 3) uint8 of any size."""
    lines = [_row(panels) for panels in rows]
    height, width = (max(line.shape[i] for line in lines) for i in (0, 1))
    filled = [_grown(line, height, width) for line in lines]
    columns = 2 if len(lines) > 1 and width < WIDEST else 1
    filled += [np.full_like(filled[0], 255)] * (-len(filled) % columns)
    return np.concatenate(
        [np.concatenate(filled[i : i + columns], axis=1) for i in range(0, len(filled), columns)], axis=0
    )


def _row(panels: Sequence[Array]) -> Array:
    scale = max(1, -(-SMALLEST // min(panels[0].shape[:2])))
    framed = [np.pad(_enlarged(p, scale), ((GAP, GAP), (GAP, GAP), (0, 0)), constant_values=255) for p in panels]
    height = max(p.shape[0] for p in framed)
    return np.concatenate([_grown(p, height, p.shape[1]) for p in framed], axis=1)


def _grown(picture: Array, height: int, width: int) -> Array:
    room = ((0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0))
    return np.pad(picture, room, constant_values=255)


def _enlarged(picture: Array, scale: int) -> Array:
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)
