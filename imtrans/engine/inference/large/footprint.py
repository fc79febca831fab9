"""Whether a picture is translated as a whole or in tiles: by how much memory it needs and how far the network sees."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from imtrans.engine.build import Model
from imtrans.engine.device import free_memory
from imtrans.engine.inference.forward import translate
from imtrans.engine.inference.large.reach import measured_bytes, measured_reach
from imtrans.engine.inference.large.tiles import Tiling
from imtrans.engine.inference.large.whole_statistics import WholeStatistics
from imtrans.engine.inference.large.windows import aligned
from imtrans.errors import ConfigError

# Libraries of convolutions keep copies of their inputs and outputs in layouts of their own.
SLACK = 2.0
SHARE = 0.5  # of the memory that is free now
WINDOWS = 2**30  # bytes for pictures that are translated by windows
WINDOW = 2048  # pixels of a side: larger windows save little, and of narrow networks take more than is counted
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

    def tiling(self, size: tuple[int, int], limits: TileLimits) -> Tiling | None:
        """The tiles for a picture of this height and width; None where it is translated as a whole.

        ConfigError where the tiles that are asked for, or that fit, are smaller than the network needs.
        """
        stride = self._model.method.geometry.common_stride
        padded = [-(-n // stride) * stride for n in size]
        if not limits.tile and not limits.memory and size[0] * size[1] <= LARGE:
            return None
        fits = (
            limits.tile or int((limits.memory or free_memory(self._model.device) * SHARE) / self.bytes_per_pixel) ** 0.5
        )
        if (limits.tile and max(padded) <= limits.tile) or (not limits.tile and padded[0] * padded[1] <= fits**2):
            return None
        if self.reach is None:
            what = f"{size[1]} x {size[0]} pixels: this network sees the whole picture, so that it cannot be tiled"
            raise ConfigError(what, hint="Make the picture smaller (--size N), or use a machine of more memory.")
        return Tiling.of(int(fits), reach=self.reach, stride=stride)

    def windows(self, size: tuple[int, int], limits: TileLimits) -> Tiling:
        """The tiles for a picture that is read and written by windows: without limits they take a gigabyte at most and
        are of 2048 pixels at most, or take what the smallest take. ConfigError as for `tiling`."""
        stride, tiling = self._model.method.geometry.common_stride, None
        if limits != TileLimits():
            tiling = self.tiling(size, limits)
        else:
            share = int(min(WINDOWS, free_memory(self._model.device) * SHARE))
            try:
                tiling = self.tiling(size, TileLimits(memory=share))
            except ConfigError:  # the network sees far: what the smallest tiles take may be more
                tiling = self.tiling(size, limits)
            if tiling:
                most = max(WINDOW // stride * stride, 4 * tiling.overlap)
                tiling = replace(tiling, tile=min(tiling.tile, most))
        whole = -(-max(size) // stride) * stride
        return aligned(tiling) if tiling else Tiling(tile=whole, overlap=0, stride=stride)

    @cached_property
    def reach(self) -> int | None:
        """How many pixels away an input pixel can change an output pixel; None: it sees the whole picture."""
        geometry = self._model.method.geometry
        if geometry.halo is not None:
            return geometry.halo
        with WholeStatistics(self._model.networks.values()).used(fixed=True):
            return measured_reach(self._run, self._channels, geometry.common_stride, device=self._model.device)

    @cached_property
    def bytes_per_pixel(self) -> float:
        """The bytes of memory for each pixel of a picture that is translated as a whole, at most."""
        side = max(2 * self._model.method.geometry.common_stride, 256)
        picture = torch.zeros(1, self._channels, side, side, device=self._model.device)
        return measured_bytes(self._run, picture) * SLACK

    @property
    def _channels(self) -> int:
        return self._model.data_spec.source.num_channels

    def _run(self, picture: Tensor) -> Tensor:
        return translate(self._model, picture)
