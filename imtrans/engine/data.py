"""From a data set's pairs to batches on the device; draws depend on (seed, epoch, index) alone."""

import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from imtrans.engine.build import DatasetSource
from imtrans.engine.order import Place
from imtrans.errors import DataError, ImtransError, ShapeError
from imtrans.interfaces import Augmentation, Batch, Pair, Signal, Signals
from imtrans.kit.images import Interpolation, resize, to_range
from imtrans.kit.random import draw

Array = np.ndarray[Any, Any]
PATIENCE = 120  # seconds that a loading process may take for a batch, on a network disk that hangs, say


class Stored(NamedTuple):
    """A batch as the loader gives it: (B, *spatial, C) as stored."""

    source: Tensor
    target: Tensor
    extras: Mapping[str, Tensor]
    keys: Sequence[str]
    draws: Tensor


@dataclass(frozen=True, kw_only=True)
class Loading:
    """How one sample is read: its size (empty: as stored), its filters, and the seed of its draw."""

    source: DatasetSource
    size: Sequence[int] = ()
    interpolation: Interpolation = "bilinear"
    is_reversed: bool = False
    seed: int = 0

    @property
    def signals(self) -> Signals:
        signals: Signals = self.source.dataset.signals
        return signals.reversed() if self.is_reversed else signals

    def pair(self, place: Place) -> tuple[Pair, int]:
        """The pair at this place, sized and checked, and its draw. DataError names the files at fault."""
        number = draw(self.seed, place.epoch, place.index)
        dataset = self.source.dataset
        pair = dataset[place.index]
        if not self.source.is_paired:
            other = dataset[number % len(dataset)]
            pair = replace(pair, target=other.target, key=f"{pair.key}-{other.key}")
        try:
            return self._checked(pair.reversed() if self.is_reversed else pair), number
        except ImtransError as error:
            names = ", ".join(str(p) for p in dataset.files(place.index)) or pair.key
            raise type(error)(f"{names}: {error.what}", mend=error.mend) from None

    def _checked(self, pair: Pair) -> Pair:
        signals = self.signals
        source, target = self._sized(pair.source, signals.source), self._sized(pair.target, signals.target)
        extras = {k: self._sized(v, signals.extras[k]) for k, v in pair.extras.items()}
        if source.shape[:-1] != target.shape[:-1] and self.source.is_paired:
            raise ShapeError(f"source is {source.shape[:-1]}, target {target.shape[:-1]}")
        return Pair(source=source, target=target, key=pair.key, extras=extras)

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

    def __getitem__(self, place: Place) -> tuple[Pair, int] | ImtransError:
        try:
            return self.loading.pair(place)
        except ImtransError as error:
            return error

    def collate(self, items: Sequence[tuple[Pair, int] | ImtransError]) -> Stored | ImtransError:
        pairs = []
        for item in items:
            if isinstance(item, ImtransError):
                return item
            pairs.append(item)
        try:
            return self._stacked([p for p, _ in pairs], [n for _, n in pairs])
        except ImtransError as error:
            return error

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
        extras = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in whole.extras.items()}
        source, target = (torch.from_numpy(np.ascontiguousarray(a)) for a in (whole.source, whole.target))
        return Stored(source, target, extras, [p.key for p in pairs], torch.tensor(draws))


def loader(loading: Loading, batches: Iterable[list[Place]], *, workers: int, pin: bool) -> Iterator[Stored]:
    """The stored batches in order, read ahead by `workers` processes."""
    samples = Samples(loading)
    # A generator of its own: torch would draw the workers' seeds from the global one, and training would shift.
    read = DataLoader(
        samples,
        batch_sampler=batches,
        collate_fn=samples.collate,
        num_workers=workers,
        pin_memory=pin,
        generator=torch.Generator().manual_seed(0),
        prefetch_factor=4 if workers else None,
        timeout=PATIENCE if workers else 0,
        worker_init_fn=_leave_signals_alone if workers else None,
    )
    for stored in read:
        if isinstance(stored, ImtransError):
            raise stored
        yield stored


def prepare(stored: Stored, signals: Signals, device: torch.device, augment: Sequence[Augmentation] = ()) -> Batch:
    """The batch a method sees: on the device, channels first, in range, augmented, labels one-hot."""
    batch = Batch(
        source=_ranged(stored.source, signals.source, device),
        target=_ranged(stored.target, signals.target, device),
        keys=stored.keys,
        draws=stored.draws,
        extras={k: _ranged(v, signals.extras[k], device) for k, v in stored.extras.items()},
    )
    for change in augment:
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


def _ranged(stored: Tensor, signal: Signal, device: torch.device) -> Tensor:
    moved = stored.to(device, non_blocking=True).movedim(-1, 1).contiguous()
    return moved.long() if signal.kind == "labels" else to_range(moved, signal)


def _stack(pairs: Sequence[Pair], side: str) -> Array:
    arrays = [getattr(p, side) for p in pairs]
    odd = next((p for p, a in zip(pairs, arrays, strict=True) if a.shape != arrays[0].shape), None)
    if odd:
        shapes = f"{odd.key} is {getattr(odd, side).shape}, {pairs[0].key} is {arrays[0].shape}"
        raise ShapeError(f"pictures of one batch differ in size: {shapes}", mend="Set data.size, or data.batch_size=1.")
    return np.stack(arrays)


def _leave_signals_alone(_worker: int) -> None:
    """Ctrl-C reaches every process of the terminal: the main one decides; and it ends its workers by SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
