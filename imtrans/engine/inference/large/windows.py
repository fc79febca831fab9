"""A picture that is read, translated and written window by window: what it takes does not grow with its size."""

from collections.abc import Callable

import numpy as np

from imtrans.engine.inference.forward import mirrored
from imtrans.engine.inference.large.tiles import SETTLED, Tick, Tile, Tiling
from imtrans.engine.inference.large.whole_statistics import Core, WholeStatistics
from imtrans.kit.images import Array

ALIGNED = 256  # pixels: tiles of files are as large, or whole parts of it, and each should be written once
Read = Callable[[range, range], Array]
Write = Callable[[range, range, Array], None]


def translate_windows(
    read: Read,
    size: tuple[int, int],
    tiling: Tiling,
    statistics: WholeStatistics,
    translated: Callable[[Array, Core], Array],
    write: Write,
    tick: Tick = lambda _done, _count: None,
) -> None:
    """Translate a picture of this height and width, of which `read` gives windows (h, w, C) by rows and columns.

    `write` gets each part of the result once, from top to bottom and left to right. As in `translate_in_tiles`, the
    picture is mirrored up to a multiple of the stride; where norms use its own statistics, passes over it that write
    nothing come first, until these no longer change.
    """
    padded = tuple(-(-n // tiling.stride) * tiling.stride for n in size)
    rows, columns = mirrored(size[0], padded[0]), mirrored(size[1], padded[1])
    tiles = [*tiling.tiles((padded[0], padded[1]))]
    count = len(tiles) * (len(statistics.layers) + 1)

    def given(tile: Tile) -> Array:
        window = _window(read, rows[tile.rows.start : tile.rows.stop], columns[tile.columns.start : tile.columns.stop])
        return translated(window, tile.core)

    with statistics.used():
        for number in range(len(statistics.layers)):
            for done, tile in enumerate(tiles):
                tick(number * len(tiles) + done, count)
                statistics.core = tile.core
                given(tile)
            if statistics.next_pass() < SETTLED:
                break
        statistics.core = None
        for done, tile in enumerate(tiles):
            tick(count - len(tiles) + done, count)
            down, right = _within(tile.core_rows, size[0]), _within(tile.core_columns, size[1])
            if len(down) and len(right):
                write(down, right, given(tile)[: len(down), : len(right)])
    tick(1, 1)


def aligned(tiling: Tiling) -> Tiling:
    """The same tiling with cores of a multiple of 256 pixels, where they are larger and the stride allows it."""
    if tiling.core < ALIGNED or ALIGNED % tiling.stride:
        return tiling
    tile = tiling.core // ALIGNED * ALIGNED + 2 * tiling.overlap
    return Tiling(tile=tile, overlap=tiling.overlap, stride=tiling.stride)


def _within(core: range, length: int) -> range:
    return range(core.start, min(core.stop, length))


def _window(read: Read, rows: Array, columns: Array) -> Array:
    """The pixels of these rows and columns, mirrored ones among them."""
    top, left = int(rows.min()), int(columns.min())
    part = read(range(top, int(rows.max()) + 1), range(left, int(columns.max()) + 1))
    window: Array = part[np.ix_(rows - top, columns - left)]
    return window
