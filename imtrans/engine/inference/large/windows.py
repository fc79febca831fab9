"""A picture or volume that is read, translated and written window by window: what it takes does not grow with it."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from imtrans.engine.inference.forward import mirrored
from imtrans.engine.inference.large.tiles import SETTLED, Tick, Tile, Tiling
from imtrans.engine.inference.large.whole_statistics import Core, WholeStatistics
from imtrans.kit.images import Array

ALIGNED = 256  # pixels: tiles of files are as large, or whole parts of it, and each should be written once
Read = Callable[..., Array]  # of a range for each axis
Write = Callable[..., None]  # to a range for each axis, values


def translate_windows(
    read: Read,
    size: Sequence[int],
    tiling: Tiling,
    statistics: WholeStatistics,
    translated: Callable[[Array, Core], Array],
    write: Write,
    tick: Tick = lambda _done, _count: None,
) -> None:
    """Translate a picture or volume of this size, of which `read` gives windows (*spatial, C) by a range for each axis.

    `write` gets each part of the result once, with the last axis varying fastest: from top to bottom and left to right.
    As in `translate_in_tiles`, the picture is mirrored up to a multiple of the stride; where norms use its own
    statistics, passes over it that write nothing come first, until these no longer change.
    """
    padded = tiling.padded(size)
    indices = [mirrored(n, longer) for n, longer in zip(size, padded, strict=True)]
    tiles = [*tiling.tiles(padded)]
    count = len(tiles) * (len(statistics.layers) + 1)

    def given(tile: Tile) -> Array:
        parts = [of_axis[window] for of_axis, window in zip(indices, tile.windows, strict=True)]
        return translated(_window(read, parts), tile.core)

    is_whole = len(tiles) == 1  # whose own statistics are those of the whole
    with contextlib.nullcontext() if is_whole else statistics.used():
        for number in range(0 if is_whole else len(statistics.layers)):
            for done, tile in enumerate(tiles):
                tick(number * len(tiles) + done, count)
                statistics.core = tile.core
                given(tile)
            if statistics.next_pass() < SETTLED:
                break
        statistics.core = None
        for done, tile in enumerate(tiles):
            tick(count - len(tiles) + done, count)
            cores = [range(core.start, min(core.stop, n)) for core, n in zip(tile.cores, size, strict=True)]
            if all(cores):
                write(*cores, given(tile)[tuple(slice(len(core)) for core in cores)])
    tick(1, 1)


def aligned(tiling: Tiling) -> Tiling:
    """The same tiling of a picture with cores of a multiple of 256 pixels, where they are larger and the stride allows
    it."""
    if min(tiling.core) < ALIGNED or any(ALIGNED % stride for stride in tiling.stride):
        return tiling
    tile = tuple(core // ALIGNED * ALIGNED + 2 * n for core, n in zip(tiling.core, tiling.overlap, strict=True))
    return replace(tiling, tile=tile, is_aligned=True)


def _window(read: Read, indices: Sequence[Array]) -> Array:
    """The pixels of these indices along each axis, mirrored ones among them."""
    firsts = [int(of_axis.min()) for of_axis in indices]
    part = read(*(range(first, int(of_axis.max()) + 1) for first, of_axis in zip(firsts, indices, strict=True)))
    window: Array = part[np.ix_(*(of_axis - first for first, of_axis in zip(firsts, indices, strict=True)))]
    return window
