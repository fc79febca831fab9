"""From a data set's pairs to batches on the device; draws depend on (seed, epoch, index) alone."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from imtrans.engine.data.pair_loader import HostBatch, LoadedSample, PairLoader
from imtrans.engine.data.sampler import SampleIndex
from imtrans.engine.data.workers import LOOK, iter_with_timeout, reset_worker_signals
from imtrans.errors import ImtransError, ShapeError
from imtrans.interfaces import Augmentation, Batch, DataSpec, ImageSpec, Pair
from imtrans.kit.images import to_range

Array = np.ndarray[Any, Any]


class Samples(TorchDataset[Any]):
    """What torch's loader indexes by Place. A fault travels to the main process as a value, whole."""

    def __init__(self, loading: PairLoader) -> None:
        self.loading = loading

    def __getitem__(self, place: SampleIndex) -> LoadedSample | ImtransError:
        try:
            return self.loading.read(place)
        except ImtransError as error:
            return error

    def __getitems__(self, places: Sequence[SampleIndex]) -> HostBatch | list[LoadedSample | ImtransError]:
        """What torch's loader asks for a batch; `collate` gets it."""
        return self.loading.load_cached(places) or [self[place] for place in places]

    def collate(self, items: HostBatch | Sequence[LoadedSample | ImtransError]) -> HostBatch | ImtransError:
        if isinstance(items, HostBatch):
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

    def received(self, stored: HostBatch | ImtransError) -> HostBatch:
        """What came from `collate`, in the main process: a fault is raised, what was skipped is listed."""
        if isinstance(stored, ImtransError):
            raise stored
        if stored.skipped and self.loading.skip_log:
            self.loading.skip_log.note(stored.skipped, count=len(self.loading.source.dataset))
        return stored

    def _stacked(self, pairs: Sequence[Pair], draws: Sequence[int]) -> HostBatch:
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
        return HostBatch(source, target, extras, [p.key for p in pairs], np.array(draws, np.int64))


def loader(loading: PairLoader, batches: Iterable[list[SampleIndex]], *, workers: int) -> Iterator[HostBatch]:
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
        worker_init_fn=reset_worker_signals if workers else None,
    )
    for stored in iter_with_timeout(read):
        yield samples.received(stored)


def prepare(
    stored: HostBatch, data_spec: DataSpec, device: torch.device, augment: Sequence[Augmentation] = ()
) -> Batch:
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
        source=_ranged(batch.source, data_spec.source),
        target=_ranged(batch.target, data_spec.target),
        extras={k: _ranged(v, data_spec.extras[k]) for k, v in batch.extras.items()},
    )
    for change in augment[early:]:
        batch = change(batch)
    return replace(
        batch,
        source=one_hot(batch.source, data_spec.source),
        target=one_hot(batch.target, data_spec.target),
        extras={k: one_hot(v, data_spec.extras[k]) for k, v in batch.extras.items()},
    )


def one_hot(values: Tensor, spec: ImageSpec) -> Tensor:
    """(B, 1, *spatial) labels as (B, classes, *spatial) of 0 and 1; anything else as it is."""
    if spec.kind != "labels" or not spec.classes:
        return values
    return torch.nn.functional.one_hot(values[:, 0], spec.classes).movedim(-1, 1).float()


def _early(batch: Batch, augment: Sequence[Augmentation]) -> int:
    """How many of the augmentations may come before the values are brought to range: a quarter of the bytes to move,
    and the same result."""
    if any(x.dtype != torch.uint8 for x in (batch.source, batch.target, *batch.extras.values())):
        return 0
    return len([*itertools.takewhile(lambda change: getattr(change, "is_geometric", False), augment)])


def _moved(stored: Array, device: torch.device) -> Tensor:
    here = torch.from_numpy(stored)
    if device.type == "cuda":  # from pinned memory the copy goes on beside the computing
        here = here.pin_memory()
    return here.to(device, non_blocking=True).movedim(-1, 1).contiguous()


def _ranged(values: Tensor, spec: ImageSpec) -> Tensor:
    return values.long() if spec.kind == "labels" else to_range(values, spec)


def _stack(pairs: Sequence[Pair], side: str) -> Array:
    arrays = [getattr(p, side) for p in pairs]
    odd = next((p for p, a in zip(pairs, arrays, strict=True) if a.shape != arrays[0].shape), None)
    if odd:
        shapes = f"{odd.key} is {getattr(odd, side).shape}, {pairs[0].key} is {arrays[0].shape}"
        raise ShapeError(f"pictures of one batch differ in size: {shapes}", hint="Set data.size, or data.batch_size=1.")
    return np.stack(arrays)
