"""How one sample is read: resized, checked, from the cache if it is there, or another in the place of a bad one."""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from imtrans.config.schema import RunConfig
from imtrans.engine.build import ComponentFactory, augmentations
from imtrans.engine.data.cache_store import CacheStore
from imtrans.engine.data.sampler import SampleIndex
from imtrans.engine.data.skipped_samples import SkipLog, SkippedSample
from imtrans.engine.data.source import DatasetSource, dataset_source
from imtrans.errors import DataError, ImtransError, ShapeError
from imtrans.interfaces import Augmentation, Dataset, DataSpec, ImageSpec, Pair, Split
from imtrans.kit.images import Array, Interpolation, resize
from imtrans.kit.images.labels import highest_class
from imtrans.kit.random import draw, permutation
from imtrans.net.cache_dir import cache_dir

if TYPE_CHECKING:
    from torch import Tensor

MAX_REPLACEMENTS = 20  # samples that are tried in the place of a bad one


class HostBatch(NamedTuple):
    """A batch as the loader gives it: (B, *spatial, C) as stored; draws (B,) int64. Tensors where it lies on a device.

    Arrays, not tensors: torch hands tensors over in shared memory, which containers have too little of, and with which
    a loading process that hangs makes the main one hang as well.
    """

    source: "Array | Tensor"
    target: "Array | Tensor"
    extras: "Mapping[str, Array | Tensor]"
    keys: Sequence[str]
    draws: Array
    skipped: Sequence[SkippedSample] = ()


class LoadedSample(NamedTuple):
    """A sample as read: its pair, its draw, and the samples in whose place it was read."""

    pair: Pair
    draw: int
    skipped: Sequence[SkippedSample] = ()


@dataclass(frozen=True, kw_only=True)
class PairLoader:
    """How one sample is read: its size (empty: as stored), the filter of resizing, and the seed of its draw.

    With `skip_log` another sample is read in the place of a bad one; with `cache` each is decoded once.
    """

    source: DatasetSource
    size: Sequence[int] = ()
    interpolation: Interpolation = "bilinear"
    is_reversed: bool = False
    seed: int = 0
    skip_log: SkipLog | None = None
    cache: CacheStore | None = None

    @property
    def data_spec(self) -> DataSpec:
        """The data set's specification, its sides as they are trained on."""
        data_spec: DataSpec = self.source.dataset.data_spec
        return data_spec.reversed() if self.is_reversed else data_spec

    def cache_path(self, folder: str, suffix: str, *more: object) -> Path:
        """The file below the cache folder for these samples at this size, and for what else decides its content."""
        identity = (self.source.identity, tuple(self.size), *more)
        return cache_dir() / folder / f"{hashlib.sha256(repr(identity).encode()).hexdigest()[:32]}{suffix}"

    @property
    def files(self) -> list[tuple[Path, ...]]:
        """The files of each sample."""
        dataset = self.source.dataset
        return [tuple(dataset.files(i)) for i in range(len(dataset))]

    def read(self, place: SampleIndex) -> LoadedSample:
        """The sample at this place; if it is bad and may be skipped another, which depends on the place alone."""
        try:
            return LoadedSample(*self.pair(place))
        except DataError as error:
            if self.skip_log is None:
                raise
            return self._replacement(place, error)

    def pair(self, place: SampleIndex) -> tuple[Pair, int]:
        """The pair at this place, resized and checked, and its draw. DataError names the files at fault."""
        number = draw(self.seed, place.epoch, place.index)
        pair = self.sample(place.index, number=number)
        if not self.source.is_paired:
            partner = _partner(self.source.dataset, place, self.seed)
            other = self.sample(partner)
            key = _key_of_both(self.source.dataset, place.index, partner) or f"{pair.key}-{other.key}"
            side = "source" if self.is_reversed else "target"
            pair = replace(pair, key=key, **{side: getattr(other, side)})
        return pair, number

    def sample(self, index: int, *, number: int | None = None) -> Pair:
        """A sample, resized and checked, its sides as they are trained on; of a data set that draws them, that of this
        number. DataError names its files."""
        dataset = self.source.dataset
        cached = self.cache.get(index) if self.cache else None
        if cached:
            return cached
        pair = dataset.drawn(index, number) if dataset.is_drawn and number is not None else dataset[index]
        try:
            checked = self.checked(pair.reversed() if self.is_reversed else pair)
        except ImtransError as error:
            names = ", ".join(str(p) for p in dataset.files(index)) or pair.key
            raise type(error)(f"{names}: {error.what}", hint=error.hint) from None
        if self.cache:
            self.cache.put(index, checked, files=dataset.files(index), text=dataset.stamp(index))
        return checked

    def load_cached(self, places: Sequence[SampleIndex]) -> HostBatch | None:
        """A batch at once, if all of it is in the cache; else None."""
        if self.cache is None:
            return None
        indices, draws = [p.index for p in places], [draw(self.seed, p.epoch, p.index) for p in places]
        others = None if self.source.is_paired else [_partner(self.source.dataset, p, self.seed) for p in places]
        cached = self.cache.take(indices, others, side="source" if self.is_reversed else "target")
        if cached is None:
            return None
        pair, keys = cached
        if others:
            keys = [
                _key_of_both(self.source.dataset, *both) or key
                for key, *both in zip(keys, indices, others, strict=True)
            ]
        return HostBatch(pair.source, pair.target, pair.extras, keys, np.array(draws, np.int64))

    def checked(self, pair: Pair) -> Pair:
        """A pair, its sides as they are trained on, resized.

        Raises ShapeError or DataError if it is not what the data set's specification says.
        """
        data_spec = self.data_spec
        source, target = self._resized(pair.source, data_spec.source), self._resized(pair.target, data_spec.target)
        extras = {k: self._resized(v, data_spec.extras[k]) for k, v in pair.extras.items()}
        if source.shape[:-1] != target.shape[:-1] and self.source.is_paired:
            raise ShapeError(f"source is {source.shape[:-1]}, target {target.shape[:-1]}")
        return Pair(source=source, target=target, key=pair.key, extras=extras)

    def _replacement(self, place: SampleIndex, error: DataError) -> LoadedSample:
        # Drawn from the place and not from a generator: a resumed run reads the same replacement.
        dataset, number = self.source.dataset, draw(self.seed, place.epoch, place.index)
        skipped = [SkippedSample(index=place.index, files=tuple(map(str, dataset.files(place.index))), what=error.what)]
        for attempt in range(MAX_REPLACEMENTS):
            index = draw(number, attempt, place.index) % len(dataset)
            try:
                return LoadedSample(self.pair(SampleIndex(place.epoch, index))[0], number, skipped)
            except DataError as other:
                skipped.append(SkippedSample(index=index, files=tuple(map(str, dataset.files(index))), what=other.what))
        raise error

    def _resized(self, array: Array, spec: ImageSpec) -> Array:
        if array.shape[-1] != spec.channels:
            raise ShapeError(f"{array.shape[-1]} channels where the data set says {spec.channels}")
        if spec.kind == "labels" and spec.classes and (label := highest_class(array, spec)) >= spec.classes:
            raise DataError(f"label {label} is not below {spec.classes}, the number of classes")
        if array.ndim != 3 or not self.size:
            return array
        size = (self.size[0], self.size[-1])  # one number stands for both
        return resize(array, size, "nearest" if spec.kind == "labels" else self.interpolation)


def _key_of_both(dataset: Dataset, index: int, partner: int) -> str:
    """The names of the files of both sides of unpaired data; "" where a side is no file of its own."""
    files = dataset.files(index)[:1], dataset.files(partner)[1:]
    return "-".join(f[0].stem for f in files) if all(files) else ""


def _partner(dataset: Dataset, place: SampleIndex, seed: int) -> int:
    """The sample that gives the other side of unpaired data: another one in each epoch, the same when resumed."""
    # Of the stored targets, whichever way it is trained: `pair` keeps the stored source of its sample.
    count = dataset.description.lengths[1] if dataset.description.lengths else len(dataset)
    # Not drawn one by one: of 10 pictures the odds are one in three that an epoch lacks a given one.
    return int(_partners(count, seed, place.epoch)[place.index % count])


@functools.lru_cache(maxsize=2)  # an epoch, and the one after it
def _partners(count: int, seed: int, epoch: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    return permutation(count, seed=seed, epoch=epoch, stream="partners")


class TrainingSplit(NamedTuple):
    """The training pairs at the size that the augmentation asks for, the same at that of training, the augmentation."""

    loader: PairLoader
    plain: PairLoader
    augment: Sequence[Augmentation]


def open_training(
    config: RunConfig, factory: ComponentFactory, *, run: Path | None = None, data_spec: DataSpec | None = None
) -> TrainingSplit:
    """The training split; its augmentation is built for the channels that it really has.

    `run` and `data_spec` as in `dataset_source`.
    """
    plain = open_split(config, "train", run=run, data_spec=data_spec)
    augment = augmentations(config, factory, plain.data_spec)
    loader = _loader(config, plain.source, augment)
    return TrainingSplit(loader, plain, augment)


def open_split(
    config: RunConfig,
    split: Split,
    *,
    augment: Sequence[Augmentation] = (),
    run: Path | None = None,
    data_spec: DataSpec | None = None,
) -> PairLoader:
    """The loader of a split, at the size that the augmentation asks for. DataError if the split is empty.

    `run` and `data_spec` as in `dataset_source`.
    """
    source = dataset_source(config, split, tuple(config.data.size), run=run, data_spec=data_spec)
    loading = _loader(config, source, augment)
    if not len(loading.source.dataset):
        raise DataError(f"data set {config.dataset.name!r} has no pairs in its {split} split")
    return loading


def _loader(config: RunConfig, source: DatasetSource, augment: Sequence[Augmentation]) -> PairLoader:
    size = tuple(config.data.size)
    # From the last to the first: each says what it needs so that the next gets its size.
    for change in reversed(augment):
        size = change.input_size(size) if size else size
    interpolation: Interpolation = next(
        (change.interpolation for change in augment if hasattr(change, "interpolation")), "bilinear"
    )
    return PairLoader(
        source=source.at_size(size),
        size=size,
        interpolation=config.data.interpolation or interpolation,
        is_reversed=config.direction == "BtoA",
        seed=config.train.seed,
    )
