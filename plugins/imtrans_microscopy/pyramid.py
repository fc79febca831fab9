"""The levels of a picture, each of half the size of the one before, made while its rows come."""

from collections.abc import Callable
from typing import Any

import numpy as np

from imtrans.interfaces import ImageSpec
from imtrans.kit.images import Array

SMALLEST = 512  # pixels: a level that is no larger is the last one
# What a writer adds to the notes on the source.
NO_NUMBERS = "pixels without a value, or that are no number, are 0 in the translation, of whole numbers"

# Level, first row, rows over the whole width (h, W, C) as stored, and where they are valid (None: everywhere).
Emit = Callable[[int, int, Array, Array | None], None]


def level_sizes(size: tuple[int, int]) -> list[tuple[int, int]]:
    """Height and width of all levels; of an odd number the half is rounded up."""
    sizes = [size]
    while max(sizes[-1]) > SMALLEST:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def dtype_of(spec: ImageSpec) -> "np.dtype[Any]":
    """The type in which pictures of a specification are stored."""
    return np.dtype("float32" if spec.bits > 16 else "uint16" if spec.bits > 8 else "uint8")


def stored(values: Array, dtype: "np.dtype[Any]", valid: Array | None) -> Array:
    """Values as a type holds them: rounded and clipped; where not valid 0, or NaN where the type has it."""
    if values.dtype != dtype and dtype.kind != "f":
        limits = np.iinfo(dtype)
        # NaN that is not marked as such would become any number.
        values = np.rint(np.nan_to_num(values, nan=0.0)).clip(limits.min, limits.max)
    values = values.astype(dtype, copy=False)
    if valid is None:
        return values
    return np.where(valid[..., None], values, dtype.type(np.nan if dtype.kind == "f" else 0))


class Pyramid:
    """Takes the windows of a plane, row of windows by row, and gives rows of tiles of all levels.

    Each pixel of a level is the mean of the valid ones of four of the level before, of labels the first of these. Means
    are rounded when they are stored, not before the next level is made of them.
    """

    def __init__(self, size: tuple[int, int], dtype: "np.dtype[Any]", *, tile: int, is_labels: bool, emit: Emit):
        assert tile % 2 == 0  # so that no four pixels lie in two rows of tiles
        self._size, self._values, self._valid = size, np.empty(0), None
        self.is_complete = False
        level: _Level | None = None
        sizes = level_sizes(size)
        for number in reversed(range(len(sizes))):
            level = _Level(number, sizes[number][0], dtype, tile=tile, is_labels=is_labels, emit=emit, below=level)
        assert level
        self._first = level

    _valid: Array | None

    def write(self, rows: range, columns: range, values: Array, valid: Array | None) -> None:
        """Take a window; the last one of its row passes all of them on."""
        shape = (len(rows), self._size[1])
        if not columns.start:
            self._values, self._valid = np.empty((*shape, values.shape[-1]), values.dtype), None
        self._values[:, columns.start : columns.stop] = values
        if valid is not None and not valid.all():
            if self._valid is None:
                self._valid = np.ones(shape, bool)
            self._valid[:, columns.start : columns.stop] = valid
        if columns.stop == self._size[1]:
            given, self._values = self._values, np.empty(0)
            self._first.feed(given, self._valid)
            self.is_complete = rows.stop == self._size[0]


class _Level:
    """One level: gathers rows until there are enough for a row of tiles, and feeds the next level with their halves."""

    def __init__(
        self,
        number: int,
        height: int,
        dtype: "np.dtype[Any]",
        *,
        tile: int,
        is_labels: bool,
        emit: Emit,
        below: "_Level | None",
    ) -> None:
        self._number, self._height, self._dtype, self._tile = number, height, dtype, tile
        self._is_labels, self._emit, self._below = is_labels, emit, below
        self._parts: list[tuple[Array, Array | None]] = []
        self._waiting = self._done = 0

    def feed(self, values: Array, valid: Array | None) -> None:
        """Take the next rows, (h, W, C)."""
        start = 0
        while start < len(values):
            wanted = min(self._tile, self._height - self._done)
            stop = start + wanted - self._waiting
            self._parts.append((values[start:stop], None if valid is None else valid[start:stop]))
            self._waiting += len(self._parts[-1][0])
            start = stop
            if self._waiting == wanted:
                self._row(*_joined(self._parts))

    def _row(self, values: Array, valid: Array | None) -> None:
        top, self._parts, self._waiting = self._done, [], 0
        self._done += len(values)
        self._emit(self._number, top, stored(values, self._dtype, valid), valid)
        if self._below:
            self._below.feed(*halved(values, valid, is_labels=self._is_labels))


def _joined(parts: list[tuple[Array, Array | None]]) -> tuple[Array, Array | None]:
    if len(parts) == 1:
        return parts[0]
    values = np.concatenate([v for v, _ in parts])
    if all(valid is None for _, valid in parts):
        return values, None
    return values, np.concatenate([np.ones(v.shape[:2], bool) if m is None else m for v, m in parts])


def halved(values: Array, valid: Array | None, *, is_labels: bool = False) -> tuple[Array, Array | None]:
    """Rows (h, W, C) at half the size, as float32 means of the valid ones of four pixels, and where any is valid.

    Of labels the first of the four, in their own type.
    """
    if is_labels:
        return values[::2, ::2], None if valid is None else valid[::2, ::2]
    shape = (-(-values.shape[0] // 2), -(-values.shape[1] // 2))
    total, count = np.zeros((*shape, values.shape[2]), np.float32), np.zeros(shape, np.uint8)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
        part = values[down::2, right::2]
        at = np.s_[: part.shape[0], : part.shape[1]]
        if valid is None:
            total[at] += part
            count[at] += 1
        else:
            here = valid[down::2, right::2]
            total[at] += np.where(here[..., None], part, 0)
            count[at] += here
    total /= np.maximum(count, 1)[..., None]
    return total, None if valid is None else count > 0
