"""Whether a picture is translated as a whole or in tiles: by how much memory it needs and how far the network sees."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from imtrans.engine.build import Model
from imtrans.engine.device import free_memory
from imtrans.engine.inference.forward import translate
from imtrans.engine.inference.large.reach import measured_bytes, measured_reach
from imtrans.engine.inference.large.tiles import Tiling
from imtrans.engine.inference.large.whole_statistics import Core, WholeStatistics
from imtrans.engine.inference.large.windows import aligned
from imtrans.errors import ConfigError

# What is taken beyond tensors and copies of them, which are counted: of the built-in networks .85 to 1.3 of these on a
# CPU. On a GPU libraries of convolutions take work space that nobody counts.
SLACK = {"cpu": 1.5}
GPU_SLACK = 2.0
SHARE = 0.5  # of the memory that is free now
WINDOWS = 2**30  # bytes for pictures that are translated by windows
WINDOW = 2048  # pixels of a side: larger windows save little
SAMPLE = {2: 256, 3: 32}  # pixels of a side, of what is measured, by axes
LARGE = 1024 * 1024  # pixels; what is smaller is translated as a whole without a look at the memory


@dataclass(frozen=True, kw_only=True)
class TileLimits:
    """`tile`: the size of tiles in pixels, whatever the memory; 0: as large as `memory` bytes hold (0: half of the free
    memory)."""

    tile: int = 0
    memory: int = 0


class Footprint:
    """What a pixel costs a trained model, and how far one sees. Call it inside `inference_mode`."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def tiling(self, size: Sequence[int], limits: TileLimits) -> Tiling | None:
        """The tiles for a picture or volume of this size; None where it is translated as a whole.

        ConfigError where the tiles that are asked for, or that fit, are smaller than the network needs.
        """
        strides = self._strides
        if len(size) != len(strides) or (limits == TileLimits() and math.prod(size) <= LARGE):
            return None
        padded = [-(-n // stride) * stride for n, stride in zip(size, strides, strict=True)]
        fits = limits.tile or _side(self._pixels(limits.memory), padded)
        if max(padded) <= fits:
            return None
        if self.reach is None:
            named = " x ".join(map(str, reversed(size)))
            what = f"{named} pixels: this network sees the whole picture, so that it cannot be tiled"
            raise ConfigError(what, hint="Make the picture smaller (--size N), or use a machine of more memory.")
        return Tiling.of(fits, size=size, reach=self.reach, stride=strides, pixel=lambda: self.bytes_per_pixel)

    def windows(self, size: Sequence[int], limits: TileLimits) -> Tiling:
        """The tiles for a picture or volume that is read and written by windows: without limits they take a gigabyte at
        most and are of 2048 pixels at most, or take what the smallest take. ConfigError as for `tiling`."""
        tiling, strides = None, self._strides
        if limits != TileLimits():
            tiling = self.tiling(size, limits)
        else:
            share = int(min(WINDOWS, free_memory(self._model.device) * SHARE))
            try:
                tiling = self.tiling(size, TileLimits(memory=share))
            except ConfigError:  # the network sees far: what the smallest tiles take may be more
                tiling = self.tiling(size, limits)
            if tiling:
                most = [max(WINDOW // s * s, 4 * n) for s, n in zip(strides, tiling.overlap, strict=True)]
                tiling = replace(tiling, tile=tuple(map(min, tiling.tile, most)))
        if tiling:
            return aligned(tiling)
        whole = tuple(-(-n // stride) * stride for n, stride in zip(size, strides, strict=True))
        return Tiling(tile=whole, overlap=(0,) * len(whole), stride=strides)

    @cached_property
    def reach(self) -> tuple[int, ...] | None:
        """How many pixels away an input pixel can change an output pixel along each axis; None: it sees the whole
        picture."""
        halo, strides = self._model.method.geometry.halo, self._strides
        if halo is not None:
            return (halo,) * len(strides)
        with WholeStatistics(self._model.translating.values()).used(fixed=True):
            return measured_reach(self._run, self._channels, strides, device=self._model.device)

    @cached_property
    def bytes_per_pixel(self) -> float:
        """The bytes of memory for each pixel of a picture that is translated as a whole or in tiles, at most."""
        size = tuple(max(2 * stride, SAMPLE[len(self._strides)]) for stride in self._strides)
        picture = torch.zeros(1, self._channels, *size, device=self._model.device)
        statistics = WholeStatistics(self._model.translating.values())
        statistics.core = Core(tuple((0, n) for n in size), size)
        with statistics.used():  # which take memory, too
            measured = measured_bytes(self._run, picture)
        return measured * SLACK.get(self._model.device.type, GPU_SLACK)

    def _pixels(self, memory: int) -> int:
        """How many pixels so many bytes hold; 0: half of the free memory."""
        return int((memory or free_memory(self._model.device) * SHARE) / self.bytes_per_pixel)

    @property
    def _strides(self) -> tuple[int, ...]:
        return self._model.method.geometry.strides(self._model.axes)

    @property
    def _channels(self) -> int:
        return self._model.data_spec.source.num_channels

    def _run(self, picture: Tensor) -> Tensor:
        return translate(self._model, picture)


def _side(pixels: int, size: Sequence[int]) -> int:
    """The side of the largest tiles of so many pixels, of which shorter axes are as long as the picture."""
    axes, rest = sorted(size), float(pixels)
    for number, length in enumerate(axes):
        side = rest ** (1 / (len(axes) - number)) + 1e-6  # a root of a power is a little less than the number itself
        if length > side:
            return int(side)
        rest /= length
    return axes[-1]
