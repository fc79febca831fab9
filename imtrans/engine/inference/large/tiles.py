"""A picture that is translated in tiles, which together give what the whole picture gives."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from imtrans.engine.inference.forward import mirrored
from imtrans.engine.inference.large.whole_statistics import Core, WholeStatistics
from imtrans.errors import ConfigError
from imtrans.kit.images import Array

SETTLED = 1e-4  # change of means and standard deviations, in standard deviations, at which passes end

Tick = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """Square tiles of `tile` pixels that overlap the next ones by `overlap` pixels on each side; all are multiples of
    the network's `stride`."""

    tile: int
    overlap: int
    stride: int

    @classmethod
    def of(cls, tile: int, *, reach: int, stride: int) -> "Tiling":
        """Tiles of at most this size for a network that sees `reach` pixels far. ConfigError if they are too small."""
        overlap = -(-reach // stride) * stride
        least = 2 * overlap + stride
        if tile < least:
            what = f"tiles of {tile} pixels: this network sees {reach} pixels far, and needs at least {least}"
            raise ConfigError(what, hint=f"--tile {least}, or more memory: --memory 8GB")
        return cls(tile=tile // stride * stride, overlap=overlap, stride=stride)

    @property
    def core(self) -> int:
        """The pixels along a side that a tile contributes."""
        return self.tile - 2 * self.overlap

    def count(self, size: tuple[int, int]) -> int:
        """How many tiles a picture of this height and width needs."""
        return -(-size[0] // self.core) * -(-size[1] // self.core)

    def tiles(self, size: tuple[int, int]) -> "Iterator[Tile]":
        """The tiles of a picture of this height and width, multiples of the stride."""
        for top in range(0, size[0], self.core):
            for left in range(0, size[1], self.core):
                rows, columns = self._span(top, size[0]), self._span(left, size[1])
                yield Tile(rows.window, columns.window, rows.core, columns.core)

    def _span(self, start: int, length: int) -> "_Span":
        end = min(start + self.core, length)
        window = range(max(0, start - self.overlap), min(length, end + self.overlap))
        return _Span(window, range(start, end))


class _Span(NamedTuple):
    window: range
    core: range


class Tile(NamedTuple):
    """The rows and columns of a picture that the network is given, and those that are taken of its output."""

    rows: range
    columns: range
    core_rows: range
    core_columns: range

    @property
    def core(self) -> Core:
        """The core in pixels of the tile."""
        top, left = self.rows.start, self.columns.start
        return Core(
            (self.core_rows.start - top, self.core_rows.stop - top),
            (self.core_columns.start - left, self.core_columns.stop - left),
            (len(self.rows), len(self.columns)),
        )


def translate_in_tiles(
    source: Array,
    tiling: Tiling,
    statistics: WholeStatistics,
    translated: Callable[[Array, Core], Array],
    tick: Tick = lambda _done, _count: None,
) -> Array:
    """The translation of a picture (H, W, C), of which `translated` gives that of the core of a tile.

    The picture is mirrored at its lower and right end up to a multiple of the stride, as a whole one is. Where norms
    use the picture's own statistics, passes over it are repeated until these no longer change.
    """
    height, width = (-(-n // tiling.stride) * tiling.stride for n in source.shape[:2])
    rows, columns = mirrored(source.shape[0], height), mirrored(source.shape[1], width)
    tiles = [*tiling.tiles((height, width))]
    output = np.empty(0)
    passes = len(statistics.layers) + 1
    with statistics.used():
        for number in range(passes):
            for done, tile in enumerate(tiles):
                tick(number * len(tiles) + done, passes * len(tiles))
                window = source[np.ix_(rows[tile.rows], columns[tile.columns])]
                statistics.core = tile.core
                given = translated(window, tile.core)
                if not output.size:
                    output = np.empty((height, width, given.shape[-1]), given.dtype)
                output[np.ix_(tile.core_rows, tile.core_columns)] = given
            if statistics.next_pass() < SETTLED:
                break
    tick(1, 1)
    return output[: source.shape[0], : source.shape[1]]
