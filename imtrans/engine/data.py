"""From a data set's pairs to batches on the device; draws depend on (seed, epoch, index) alone."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from imtrans.engine.build import DatasetSource
from imtrans.engine.decoded import Decoded
from imtrans.engine.order import Place
from imtrans.engine.skipping import Skipped, Skipping
from imtrans.engine.workers import LOOK, leave_signals_alone, patiently
from imtrans.errors import DataError, ImtransError, ShapeError
from imtrans.interfaces import Augmentation, Batch, Pair, Signal, Signals
from imtrans.kit.images import Interpolation, resize, to_range
from imtrans.kit.random import draw

Array = np.ndarray[Any, Any]
MOST_INSTEAD = 20  # samples that are tried in the place of a bad one


class Stored(NamedTuple):
    """A batch as the loader gives it: (B, *spatial, C) as stored; draws (B,) int64.

    Arrays, not tensors: torch hands tensors over in shared memory, which containers have too little of, and with which
    a loading process that hangs makes the main one hang as well.
    """

    source: Array
    target: Array
    extras: Mapping[str, Array]
    keys: Sequence[str]
    draws: Array
    skipped: Sequence[Skipped] = ()


class Read(NamedTuple):
    """A sample as read: its pair, its draw, and what another was read for."""

    pair: Pair
    draw: int
    skipped: Sequence[Skipped] = ()


@dataclass(frozen=True, kw_only=True)
class Loading:
    """How one sample is read: its size (empty: as stored), its filters, and the seed of its draw.

    With `skipping` another sample serves for one that cannot be read; with `decoded` each is decoded once.
    """

    source: DatasetSource
    size: Sequence[int] = ()
    interpolation: Interpolation = "bilinear"
    is_reversed: bool = False
    seed: int = 0
    skipping: Skipping | None = None
    decoded: Decoded | None = None

    @property
    def signals(self) -> Signals:
        signals: Signals = self.source.dataset.signals
        return signals.reversed() if self.is_reversed else signals

    def read(self, place: Place) -> Read:
        """The sample at this place; where it is bad and may be skipped another, which depends on the place alone."""
        try:
            return Read(*self.pair(place))
        except DataError as error:
            if self.skipping is None:
                raise
            return self._instead(place, error)

    def pair(self, place: Place) -> tuple[Pair, int]:
        """The pair at this place, sized and checked, and its draw. DataError names the files at fault."""
        number, pair = draw(self.seed, place.epoch, place.index), self.sample(place.index)
        if not self.source.is_paired:
            other = self.sample(number % len(self.source.dataset))
            key = f"{pair.key}-{other.key}"
            pair = (
                replace(pair, source=other.source, key=key)
                if self.is_reversed
                else replace(pair, target=other.target, key=key)
            )
        return pair, number

    def sample(self, index: int) -> Pair:
        """A sample of the data set, sized and checked, its sides as they are trained on. DataError names its files."""
        dataset = self.source.dataset
        kept = self.decoded.get(index) if self.decoded else None
        if kept:
            return kept
        pair = dataset[index]
        try:
            made = self.checked(pair.reversed() if self.is_reversed else pair)
        except ImtransError as error:
            names = ", ".join(str(p) for p in dataset.files(index)) or pair.key
            raise type(error)(f"{names}: {error.what}", mend=error.mend) from None
        if self.decoded:
            self.decoded.put(index, made, files=dataset.files(index))
        return made

    def gathered(self, places: Sequence[Place]) -> Stored | None:
        """A batch at once, where all of it was decoded before."""
        if self.decoded is None:
            return None
        indices, draws = [p.index for p in places], [draw(self.seed, p.epoch, p.index) for p in places]
        others = None if self.source.is_paired else [n % len(self.source.dataset) for n in draws]
        found = self.decoded.take(indices, others, side="source" if self.is_reversed else "target")
        if found is None:
            return None
        pair, keys = found
        return Stored(pair.source, pair.target, pair.extras, keys, np.array(draws, np.int64))

    def checked(self, pair: Pair) -> Pair:
        """A pair, its sides as they are trained on, at the size asked for. ShapeError or DataError where it is not as
        the data set says."""
        signals = self.signals
        source, target = self._sized(pair.source, signals.source), self._sized(pair.target, signals.target)
        extras = {k: self._sized(v, signals.extras[k]) for k, v in pair.extras.items()}
        if source.shape[:-1] != target.shape[:-1] and self.source.is_paired:
            raise ShapeError(f"source is {source.shape[:-1]}, target {target.shape[:-1]}")
        return Pair(source=source, target=target, key=pair.key, extras=extras)

    def _instead(self, place: Place, error: DataError) -> Read:
        dataset, number = self.source.dataset, draw(self.seed, place.epoch, place.index)
        skipped = [Skipped(index=place.index, files=tuple(map(str, dataset.files(place.index))), what=error.what)]
        for attempt in range(MOST_INSTEAD):
            index = draw(number, attempt, place.index) % len(dataset)
            try:
                return Read(self.pair(Place(place.epoch, index))[0], number, skipped)
            except DataError as other:
                skipped.append(Skipped(index=index, files=tuple(map(str, dataset.files(index))), what=other.what))
        raise error

    def _sized(self, array: Array, signal: Signal) -> Array:
        if array.shape[-1] != signal.channels:
            raise ShapeError(f"{array.shape[-1]} channels where the data set says {signal.channels}")
        if signal.kind == "labels" and signal.classes and int(array.max()) >= signal.classes:
            raise DataError(f"label {int(array.max())} is not below {signal.classes}, the number of classes")
        if array.ndim != 3 or not self.size:
            return array
        size = (self.size[0], self.size[-1])
        return resize(array, size, "nearest" if signal.kind == "labels" else self.interpolation)


class Samples(TorchDataset[Any]):
    """What torch's loader indexes by Place. A fault travels to the main process as a value, whole."""

    def __init__(self, loading: Loading) -> None:
        self.loading = loading

    def __getitem__(self, place: Place) -> Read | ImtransError:
        try:
            return self.loading.read(place)
        except ImtransError as error:
            return error

    def __getitems__(self, places: Sequence[Place]) -> Stored | list[Read | ImtransError]:
        """What torch's loader asks for a batch; `collate` gets it."""
        return self.loading.gathered(places) or [self[place] for place in places]

    def collate(self, items: Stored | Sequence[Read | ImtransError]) -> Stored | ImtransError:
        if isinstance(items, Stored):
            return items
        read = []
        for item in items:
            if isinstance(item, ImtransError):
                return item
            read.append(item)
        try:
            stored = self._stacked([r.pair for r in read], [r.draw for r in read])
        except ImtransError as error:
            return error
        return stored._replace(skipped=[s for r in read for s in r.skipped])

    def received(self, stored: Stored | ImtransError) -> Stored:
        """What came from `collate`, in the main process: a fault is raised, what was skipped is listed."""
        if isinstance(stored, ImtransError):
            raise stored
        if stored.skipped and self.loading.skipping:
            self.loading.skipping.note(stored.skipped, count=len(self.loading.source.dataset))
        return stored

    def _stacked(self, pairs: Sequence[Pair], draws: Sequence[int]) -> Stored:
        own = getattr(self.loading.source.dataset, "collate", None)
        whole = (
            own(pairs)
            if own
            else Pair(
                source=_stack(pairs, "source"),
                target=_stack(pairs, "target"),
                key="",
                extras={k: np.stack([p.extras[k] for p in pairs]) for k in pairs[0].extras},
            )
        )
        extras = {k: np.ascontiguousarray(v) for k, v in whole.extras.items()}
        source, target = np.ascontiguousarray(whole.source), np.ascontiguousarray(whole.target)
        return Stored(source, target, extras, [p.key for p in pairs], np.array(draws, np.int64))


def loader(loading: Loading, batches: Iterable[list[Place]], *, workers: int) -> Iterator[Stored]:
    """The stored batches in order, read ahead by `workers` processes."""
    samples = Samples(loading)
    # A generator of its own: torch would draw the workers' seeds from the global one, and training would shift.
    read = DataLoader(
        samples,
        batch_sampler=batches,
        collate_fn=samples.collate,
        num_workers=workers,
        generator=torch.Generator().manual_seed(0),
        prefetch_factor=4 if workers else None,
        timeout=LOOK if workers else 0,
        worker_init_fn=leave_signals_alone if workers else None,
    )
    for stored in patiently(read):
        yield samples.received(stored)


def prepare(stored: Stored, signals: Signals, device: torch.device, augment: Sequence[Augmentation] = ()) -> Batch:
    """The batch a method sees: on the device, channels first, in range, augmented, labels one-hot."""
    batch = Batch(
        source=_moved(stored.source, device),
        target=_moved(stored.target, device),
        keys=stored.keys,
        draws=torch.from_numpy(stored.draws),
        extras={k: _moved(v, device) for k, v in stored.extras.items()},
    )
    early = _early(batch, augment)
    for change in augment[:early]:
        batch = change(batch)
    batch = replace(
        batch,
        source=_ranged(batch.source, signals.source),
        target=_ranged(batch.target, signals.target),
        extras={k: _ranged(v, signals.extras[k]) for k, v in batch.extras.items()},
    )
    for change in augment[early:]:
        batch = change(batch)
    return replace(
        batch,
        source=one_hot(batch.source, signals.source),
        target=one_hot(batch.target, signals.target),
        extras={k: one_hot(v, signals.extras[k]) for k, v in batch.extras.items()},
    )


def one_hot(values: Tensor, signal: Signal) -> Tensor:
    """(B, 1, *spatial) labels as (B, classes, *spatial) of 0 and 1; anything else as it is."""
    if signal.kind != "labels" or not signal.classes:
        return values
    return torch.nn.functional.one_hot(values[:, 0], signal.classes).movedim(-1, 1).float()


def _early(batch: Batch, augment: Sequence[Augmentation]) -> int:
    """How many of the augmentations may come before the values are brought to range: a quarter of the bytes to move,
    and the same result."""
    if any(x.dtype != torch.uint8 for x in (batch.source, batch.target, *batch.extras.values())):
        return 0
    return len([*itertools.takewhile(lambda change: getattr(change, "only_moves", False), augment)])


def _moved(stored: Array, device: torch.device) -> Tensor:
    here = torch.from_numpy(stored)
    if device.type == "cuda":  # from pinned memory the copy goes on beside the computing
        here = here.pin_memory()
    return here.to(device, non_blocking=True).movedim(-1, 1).contiguous()


def _ranged(values: Tensor, signal: Signal) -> Tensor:
    return values.long() if signal.kind == "labels" else to_range(values, signal)


def _stack(pairs: Sequence[Pair], side: str) -> Array:
    arrays = [getattr(p, side) for p in pairs]
    odd = next((p for p, a in zip(pairs, arrays, strict=True) if a.shape != arrays[0].shape), None)
    if odd:
        shapes = f"{odd.key} is {getattr(odd, side).shape}, {pairs[0].key} is {arrays[0].shape}"
        raise ShapeError(f"pictures of one batch differ in size: {shapes}", mend="Set data.size, or data.batch_size=1.")
    return np.stack(arrays)
