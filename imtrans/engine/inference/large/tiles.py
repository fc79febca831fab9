"""A picture or volume that is translated in tiles, which together give what the whole gives."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
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
    """Tiles that overlap the next ones on each side: for each axis its size, the overlap and the network's stride, of
    which the others are multiples. An axis that is no longer than a tile is not cut.

    All tiles have one size: libraries keep memory for each that they see. The first and the last of an axis contribute
    more than those between them, unless cores begin at multiples of their size (`is_aligned`).
    """

    tile: tuple[int, ...]
    overlap: tuple[int, ...]
    stride: tuple[int, ...]
    is_aligned: bool = False

    @classmethod
    def of(
        cls,
        tile: int,
        *,
        size: Sequence[int],
        reach: Sequence[int],
        stride: Sequence[int],
        pixel: Callable[[], float] = float,
    ) -> "Tiling":
        """Tiles of at most this side for a network that sees `reach` pixels far along each axis of a picture or volume
        of this size. ConfigError if they are too small; its hint says what the least take, by the bytes of a pixel."""
        overlap = tuple(_up(far, step) for far, step in zip(reach, stride, strict=True))
        cut = [axis for axis, n in enumerate(size) if _up(n, stride[axis]) > tile]
        least = max((2 * overlap[axis] + stride[axis] for axis in cut), default=0)
        if tile < least:
            far = max(reach[axis] for axis in cut)
            what = f"tiles of {tile} pixels: this network sees {far} pixels far, and needs at least {least}"
            pixels = math.prod(min(_up(n, step), least) for n, step in zip(size, stride, strict=True))
            memory = f"--memory {pixels * pixel() // 1e9 + 1:.0f}GB"
            raise ConfigError(what, hint=f"--tile {least}, or more memory: {memory}")
        return cls(tile=tuple(tile // step * step for step in stride), overlap=overlap, stride=tuple(stride))

    @property
    def core(self) -> tuple[int, ...]:
        """The pixels along each side that a tile contributes, where the axis is cut."""
        return tuple(tile - 2 * overlap for tile, overlap in zip(self.tile, self.overlap, strict=True))

    def padded(self, size: Sequence[int]) -> tuple[int, ...]:
        """A size brought up to multiples of the stride."""
        return tuple(_up(n, stride) for n, stride in zip(size, self.stride, strict=True))

    def count(self, size: Sequence[int]) -> int:
        """How many tiles a picture or volume of this size needs."""
        return sum(1 for _ in self.tiles(size))

    def tiles(self, size: Sequence[int]) -> "Iterator[Tile]":
        """The tiles of a picture or volume of this size, multiples of the stride; the last axis varies fastest."""
        for spans in itertools.product(*(self._spans(axis, n) for axis, n in enumerate(size))):
            yield Tile(tuple(span.window for span in spans), tuple(span.core for span in spans))

    def _spans(self, axis: int, length: int) -> "list[_Span]":
        if length <= self.tile[axis]:
            return [_Span(range(length), range(length))]
        core, overlap, tile = self.core[axis], self.overlap[axis], self.tile[axis]
        second = core if self.is_aligned else tile - overlap  # nothing lies before the first tile
        starts = [0, *range(second, length - (0 if self.is_aligned else overlap), core)]
        firsts = [min(max(0, start - overlap), length - tile) for start in starts]
        ends = itertools.pairwise([*starts, length])
        return [_Span(range(first, first + tile), range(*core)) for first, core in zip(firsts, ends, strict=True)]


class _Span(NamedTuple):
    window: range
    core: range


class Tile(NamedTuple):
    """The part of a picture or volume that the network is given, axis by axis, and that which is taken of its
    output."""

    windows: tuple[range, ...]
    cores: tuple[range, ...]

    @property
    def core(self) -> Core:
        """The core in pixels of the tile."""
        pairs = [*zip(self.windows, self.cores, strict=True)]
        spans = tuple((core.start - window.start, core.stop - window.start) for window, core in pairs)
        return Core(spans, tuple(len(window) for window in self.windows))


def translate_in_tiles(
    source: Array,
    tiling: Tiling,
    statistics: WholeStatistics,
    translated: Callable[[Array, Core], Array],
    tick: Tick = lambda _done, _count: None,
) -> Array:
    """The translation of a picture or volume (*spatial, C), of which `translated` gives that of the core of a tile.

    It is mirrored at the end of each axis up to a multiple of the stride, as a whole one is. Where norms use the
    picture's own statistics, passes over it are repeated until these no longer change.
    """
    size = source.shape[:-1]
    padded = tiling.padded(size)
    indices = [mirrored(n, longer) for n, longer in zip(size, padded, strict=True)]
    tiles = [*tiling.tiles(padded)]
    output = np.empty(0)
    passes = len(statistics.layers) + 1
    with statistics.used():
        for number in range(passes):
            for done, tile in enumerate(tiles):
                tick(number * len(tiles) + done, passes * len(tiles))
                window = source[np.ix_(*(of_axis[w] for of_axis, w in zip(indices, tile.windows, strict=True)))]
                statistics.core = tile.core
                given = translated(window, tile.core)
                if not output.size:
                    output = np.empty((*padded, given.shape[-1]), given.dtype)
                output[np.ix_(*tile.cores)] = given
            if statistics.next_pass() < SETTLED:
                break
    tick(1, 1)
    return output[tuple(slice(n) for n in size)]


def _up(length: int, stride: int) -> int:
    return -(-length // stride) * stride
