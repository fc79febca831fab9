"""A trained model on pictures of any size."""

import dataclasses
import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from imtrans.engine import device as devices
from imtrans.engine.build import Model
from imtrans.engine.inference.batches import in_batches, is_same_alone, sample_by_sample
from imtrans.engine.inference.fast_layers import fast_layers
from imtrans.engine.inference.forward import as_stored, inference_mode, network_input, translate
from imtrans.engine.inference.large_pictures import Footprint, TileLimits
from imtrans.engine.inference.scale import SizeChoice
from imtrans.engine.inference.source_reader import ReadOptions, SourceReader
from imtrans.engine.inference.tiles import Tiling, translate_in_tiles
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
        self._is_batched: bool | None = None  # None: not known yet
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
        pictures = picture if isinstance(picture, list) else [picture]
        sources = [self._sources(each, reading) for each in pictures]
        if limits == TileLimits():
            batches = in_batches([source for slices in sources for source in slices], self.model.method.geometry.stride)
            results = (result for batch in batches for result in self.run_batch(batch, seed=seed))
        else:
            results = (self.run(source, seed=seed, limits=limits) for slices in sources for source in slices)
        given = [self._in_kind(each, list(islice(results, len(s)))) for each, s in zip(pictures, sources, strict=True)]
        return given if isinstance(picture, list) else given[0]

    def _sources(self, picture: Any, reading: ReadOptions) -> list[Array]:
        """A picture as the model takes it; of the file of a stack, its slices."""
        is_file = isinstance(picture, str | Path)
        return self.reader.read(Path(picture), reading) if is_file else [self.reader.converted(picture, reading)]

    def _in_kind(self, picture: Any, results: list[Array]) -> Any:
        if not isinstance(picture, str | Path):
            return in_kind_of(picture, self.target)(results[0])
        return np.stack(results) if self.source.is_stack else results[0]

    def run(
        self, source: Array, *, seed: int = 0, limits: TileLimits | None = None, tick: Tick = lambda _done, _count: None
    ) -> Array:
        """The translation of what its `reader` gives, (*spatial, C); `tick(done, count)` follows the tiles."""
        with self._state(seed):
            tiling = self._tiling(source, limits or TileLimits())
            if tiling is None:
                return self._outputs([source], seed)[0]
            statistics = WholeStatistics(self.model.networks.values())

            def translated(window: Array, core: Core) -> Array:
                given, taken = self._forward(window[None], seed)
                return as_stored(core.of(given)[0], core.of(taken)[0], self.model.data_spec)

            return translate_in_tiles(source, tiling, statistics, translated, tick)

    def run_batch(self, sources: Sequence[Array], *, seed: int = 0) -> list[Array]:
        """The translations of several of one shape, each as `run` gives it but for rounding; in one pass of the network
        unless the model does something else to pictures that come together."""
        if len(sources) > 1 and self._is_batched is not False:
            with self._state(seed), sample_by_sample(self.model.networks.values()):
                results = self._outputs(sources, seed, is_checked=self._is_batched is None)
            if self._is_batched:
                return results
        return [self.run(source, seed=seed) for source in sources]

    @contextmanager
    def _state(self, seed: int) -> Iterator[None]:
        with self._lock, inference_mode(self.model, seed=seed), fast_layers(self.model.networks.values()):
            yield

    def _tiling(self, source: Array, limits: TileLimits) -> Tiling | None:
        size = (source.shape[0], source.shape[1])
        return self.footprint.tiling(size, limits) if source.ndim == 3 else None

    def _outputs(self, sources: Sequence[Array], seed: int, *, is_checked: bool = False) -> list[Array]:
        given, taken = self._forward(np.stack(sources), seed)
        if is_checked:
            torch.manual_seed(seed)
            self._is_batched = is_same_alone(lambda batch: self._translation(batch, seed), taken, given)
        return [as_stored(g, t, self.model.data_spec) for g, t in zip(given, taken, strict=True)]

    def _forward(self, sources: Array, seed: int) -> tuple[Tensor, Tensor]:
        """What the model gives for (B, *spatial, C), and the pictures as it saw them, both (B, C, *spatial)."""
        batch = torch.cat([self.tensor(source) for source in sources])
        return self._translation(batch, seed), batch

    def _translation(self, batch: Tensor, seed: int) -> Tensor:
        dtype = next((p.dtype for network in self.model.networks.values() for p in network.parameters()), batch.dtype)
        return translate(self.model, batch.to(dtype), seed=seed).float()

    def tensor(self, array: Array) -> Tensor:
        """What its `reader` gives, (*spatial, C), as its networks see it: (1, C, *spatial)."""
        return network_input(array, self.source).to(self.model.device)


def _fingerprint(model: Model) -> str:
    modules = {**model.networks, **{f"ema.{k}": v.module for k, v in model.averages.items()}}
    weights = [pretrained.fingerprint(module) for _, module in sorted(modules.items())]
    return hashlib.sha256(repr((weights, repr(model.config.inference))).encode()).hexdigest()


def _modules(model: Model) -> list[nn.Module]:
    return [*model.networks.values(), *(average.module for average in model.averages.values())]
