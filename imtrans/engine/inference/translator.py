"""A trained model on pictures of any size."""

import hashlib
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.engine.build import Model
from imtrans.engine.inference.batches import in_batches
from imtrans.engine.inference.large.footprint import TileLimits
from imtrans.engine.inference.model_runner import ModelRunner
from imtrans.engine.inference.scale import SizeChoice
from imtrans.engine.inference.source_reader import ReadOptions, SourceReader
from imtrans.interfaces import ImageSpec
from imtrans.kit import pretrained
from imtrans.kit.images import Array
from imtrans.kit.images.picture_types import Picture, in_kind_of
from imtrans.kit.images.readers.memory_file import MemoryFile


class Translator(ModelRunner):
    """A trained model ready to translate pictures of any kind; `imtrans.load` makes it from a checkpoint."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.reader = SourceReader(model)

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
        tensor (C, *spatial), a Pillow image; of the path of a picture file, or of one in memory (MemoryFile), it is an
        array, of a stack (D, H, W, C), and of a list a list.

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
            batches = in_batches([source for slices in sources for source in slices], self.model.method.geometry)
            results = (result for batch in batches for result in self.run_batch(batch, seed=seed))
        else:
            results = (self.run(source, seed=seed, limits=limits) for slices in sources for source in slices)
        given = [self._in_kind(each, list(islice(results, len(s)))) for each, s in zip(pictures, sources, strict=True)]
        return given if isinstance(picture, list) else given[0]

    def uncertainty(self, picture: Picture, *, seed: int = 0, samples: int = 1, size: SizeChoice = "train") -> Array:
        """How far the translations of one picture lie apart, (H, W) float32: the standard deviation as a share of the
        target's range, over the members of an ensemble and over `samples` seeds from `seed` on; of labels the share of
        translations that differ from the most frequent class. ConfigError where all of them are alike."""
        from imtrans.engine.inference.uncertainty import check_spread, uncertainty

        seeds = range(seed, seed + samples)
        check_spread(self, seeds)
        return uncertainty(self, self._sources(picture, ReadOptions(size=size))[0], seeds=seeds)

    def _sources(self, picture: Any, reading: ReadOptions) -> list[Array]:
        """A picture as the model takes it; of the file of a stack, its slices."""
        if isinstance(picture, str | Path | MemoryFile):
            return self.reader.read(Path(picture) if isinstance(picture, str) else picture, reading)
        return [self.reader.converted(picture, reading)]

    def _in_kind(self, picture: Any, results: list[Array]) -> Any:
        if not isinstance(picture, str | Path | MemoryFile):
            return in_kind_of(picture, self.target)(results[0])
        return np.stack(results) if self.source.is_stack else results[0]


def _fingerprint(model: Model) -> str:
    modules = {**model.networks, **{f"ema.{k}": v.module for k, v in model.averages.items()}}
    weights = [pretrained.fingerprint(module) for _, module in sorted(modules.items())]
    return hashlib.sha256(repr((weights, repr(model.config.inference), model.config.direction)).encode()).hexdigest()
