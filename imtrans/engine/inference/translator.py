"""A trained model on pictures of any size."""

import dataclasses
import hashlib
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from imtrans.engine import device as devices
from imtrans.engine.build import Model
from imtrans.engine.inference.forward import as_stored, inference_mode, network_input, translate
from imtrans.engine.inference.large_pictures import Footprint, TileLimits
from imtrans.engine.inference.scale import SizeChoice
from imtrans.engine.inference.source_reader import ReadOptions, SourceReader
from imtrans.engine.inference.tiles import translate_in_tiles
from imtrans.engine.inference.whole_statistics import Core, WholeStatistics
from imtrans.interfaces import ImageSpec
from imtrans.kit import pretrained
from imtrans.kit.images import Array
from imtrans.kit.images.picture_types import Picture, in_kind_of

Tick = Callable[[int, int], None]


class Translator:
    """A trained model ready to translate; `imtrans.load` makes it from a checkpoint."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.reader = SourceReader(model)
        self._lock = threading.Lock()  # modes, averaged weights and random numbers of a model are its state

    @property
    def source(self) -> ImageSpec:
        """The images that it takes."""
        return self.model.data_spec.source

    @property
    def target(self) -> ImageSpec:
        """The images that it gives."""
        return self.model.data_spec.target

    @property
    def size(self) -> tuple[int, ...]:
        """The spatial size, in pixels, at which it was trained."""
        return tuple(self.model.config.data.size)

    @property
    def fingerprint(self) -> str:
        """Identifies its weights and how it runs, in hexadecimal: equal ones give equal translations."""
        return _fingerprint(self.model)

    @cached_property
    def footprint(self) -> Footprint:
        """What a pixel costs it, and how far one sees: from these follows the size of tiles."""
        return Footprint(self.model)

    def to(self, device: str) -> "Translator":
        """The same translator, its model moved to a device: "cpu", "cuda", "cuda:1", "mps". ConfigError for another."""
        place = devices.choose(device)
        for network in _modules(self.model):
            network.to(place)
        self.model = dataclasses.replace(self.model, device=place)
        return self

    def half(self) -> "Translator":
        """The same translator, its networks in half precision: half the memory, and faster on GPUs."""
        for network in _modules(self.model):
            network.half()
        return self

    def translate(
        self,
        picture: Picture | list[Any],
        *,
        seed: int = 0,
        source_range: tuple[float, float] | None = None,
        is_whole: bool = False,
        size: SizeChoice = "train",
        tile: int = 0,
        memory: int = 0,
    ) -> Any:
        """The translation of a picture, of the kind that was given: an array (H, W) or (*spatial, C) as stored, a
        tensor (C, *spatial), a Pillow image; of the path of a picture file it is an array, of a stack (D, H, W, C), and
        of a list a list.

        It is read as the training data were: depths are converted, it is brought to the scale of training (`size`; see
        `SourceReader.fitted_size`), and of a file that looks like a whole pair the source half is taken unless it
        `is_whole`. With `source_range` its values from low to high are scaled to those of training. The result has the
        size at which it was translated, and the channels and depth of the training targets. `seed` decides the noise
        (dropout), so equal calls give equal results. A picture that needs more than `memory` bytes (0: half of what is
        free) is translated in tiles, or in tiles of `tile` pixels where that is given. Raises ShapeError for a wrong
        number of channels, DataError for labels and values that the model does not know, ConfigError for tiles that
        are too small.
        """
        reading = ReadOptions(source_range=source_range, is_whole=is_whole, size=size)
        limits = TileLimits(tile=tile, memory=memory)
        if isinstance(picture, list):
            return [self._translated(each, reading, seed, limits) for each in picture]
        return self._translated(picture, reading, seed, limits)

    def _translated(self, picture: Any, reading: ReadOptions, seed: int, limits: TileLimits) -> Any:
        if not isinstance(picture, str | Path):
            array = self.reader.converted(picture, reading)
            return in_kind_of(picture, self.target)(self.run(array, seed=seed, limits=limits))
        slices = [self.run(each, seed=seed, limits=limits) for each in self.reader.read(Path(picture), reading)]
        return np.stack(slices) if self.source.is_stack else slices[0]

    def run(
        self, source: Array, *, seed: int = 0, limits: TileLimits | None = None, tick: Tick = lambda _done, _count: None
    ) -> Array:
        """The translation of what its `reader` gives, (*spatial, C); `tick(done, count)` follows the tiles."""
        size = (source.shape[0], source.shape[1])
        with self._lock, inference_mode(self.model, seed=seed):
            tiling = self.footprint.tiling(size, limits or TileLimits()) if source.ndim == 3 else None
            if tiling is None:
                given, taken = self._forward(source, seed)
                return as_stored(given[0], taken[0], self.model.data_spec)
            statistics = WholeStatistics(self.model.networks.values())

            def translated(window: Array, core: Core) -> Array:
                given, taken = self._forward(window, seed)
                return as_stored(core.of(given)[0], core.of(taken)[0], self.model.data_spec)

            return translate_in_tiles(source, tiling, statistics, translated, tick)

    def _forward(self, source: Array, seed: int) -> tuple[Tensor, Tensor]:
        """What the model gives for a picture, and the picture as it saw it, both (1, C, *spatial)."""
        tensor = self.tensor(source)
        dtype = next((p.dtype for network in self.model.networks.values() for p in network.parameters()), tensor.dtype)
        return translate(self.model, tensor.to(dtype), seed=seed).float(), tensor

    def tensor(self, array: Array) -> Tensor:
        """What its `reader` gives, (*spatial, C), as its networks see it: (1, C, *spatial)."""
        return network_input(array, self.source).to(self.model.device)


def _fingerprint(model: Model) -> str:
    modules = {**model.networks, **{f"ema.{k}": v.module for k, v in model.averages.items()}}
    weights = [pretrained.fingerprint(module) for _, module in sorted(modules.items())]
    return hashlib.sha256(repr((weights, repr(model.config.inference))).encode()).hexdigest()


def _modules(model: Model) -> list[nn.Module]:
    return [*model.networks.values(), *(average.module for average in model.averages.values())]
