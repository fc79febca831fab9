"""Batches of a data set's pairs, on the device; draws depend on (seed, epoch, index) alone."""

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
from imtrans.engine.data.workers import LOOK, clear_sigchld, iter_with_timeout, reset_worker_signals
from imtrans.errors import ImtransError, ShapeError
from imtrans.interfaces import Augmentation, Batch, DataSpec, ImageSpec, Pair
from imtrans.kit.images import Array, to_range
from imtrans.kit.images.instances import instance_edges
from imtrans.kit.images.masks import MASK


class Samples(TorchDataset[Any]):
    """The map-style dataset of torch's loader, indexed by SampleIndex.

    An error travels to the main process as a value: torch would turn one that is raised into text.
    """

    def __init__(self, loading: PairLoader) -> None:
        self.loading = loading

    def __getitem__(self, place: SampleIndex) -> LoadedSample | ImtransError:
        try:
            return self.loading.read(place)
        except ImtransError as error:
            return error

    def __getitems__(self, places: Sequence[SampleIndex]) -> HostBatch | list[LoadedSample | ImtransError]:
        """What torch's loader calls for a batch, whose result it hands to `collate`."""
        # One gather of a whole batch from the cache is quicker than a sample at a time.
        return self.loading.load_cached(places) or [self[place] for place in places]

    def collate(self, items: HostBatch | Sequence[LoadedSample | ImtransError]) -> HostBatch | ImtransError:
        """One batch of what `__getitems__` gave; an error where a sample could not be read or stacked."""
        if isinstance(items, HostBatch):
            return items
        loaded = []
        for item in items:
            if isinstance(item, ImtransError):
                return item
            loaded.append(item)
        try:
            stored = self._stacked([item.pair for item in loaded], [item.draw for item in loaded])
        except ImtransError as error:
            return error
        return stored._replace(skipped=[skipped for item in loaded for skipped in item.skipped])

    def received(self, stored: HostBatch | ImtransError) -> HostBatch:
        """The batch from `collate`, in the main process: an error is raised, what was skipped is recorded."""
        if isinstance(stored, ImtransError):
            raise stored
        if stored.skipped and self.loading.skip_log:
            self.loading.skip_log.note(stored.skipped, count=len(self.loading.source.dataset))
        return stored

    def _stacked(self, pairs: Sequence[Pair], draws: Sequence[int]) -> HostBatch:
        collate = self.loading.source.dataset.collate or _collate
        stacked: Pair = collate(pairs)
        # torch.from_numpy refuses the negative strides that a flipped array has.
        extras = {k: np.ascontiguousarray(v) for k, v in stacked.extras.items()}
        source, target = np.ascontiguousarray(stacked.source), np.ascontiguousarray(stacked.target)
        return HostBatch(source, target, extras, [p.key for p in pairs], np.array(draws, np.int64))


def loader(loading: PairLoader, batches: Iterable[list[SampleIndex]], *, workers: int) -> Iterator[HostBatch]:
    """The batches as stored, in order, read ahead by `workers` processes; 0 reads in this one."""
    samples = Samples(loading)
    if not workers:
        clear_sigchld()
        # torch's loader would add a tenth to the time of a cached sample.
        for places in batches:
            yield samples.received(samples.collate(samples.__getitems__(places)))
        return
    # A generator of its own: torch would draw the workers' seeds from the global one, and training would shift.
    torch_loader = DataLoader(
        samples,
        batch_sampler=batches,
        collate_fn=samples.collate,
        num_workers=workers,
        generator=torch.Generator().manual_seed(0),
        prefetch_factor=4,
        timeout=LOOK,
        worker_init_fn=reset_worker_signals,
    )
    for stored in iter_with_timeout(torch_loader):
        yield samples.received(stored)


def prepare(
    stored: HostBatch, data_spec: DataSpec, device: torch.device, augment: Sequence[Augmentation] = ()
) -> Batch:
    """The batch that a method sees: on the device, channels first, in range, augmented, labels one-hot."""
    batch = Batch(
        source=_moved(stored.source, device),
        target=_moved(stored.target, device),
        keys=stored.keys,
        draws=torch.from_numpy(stored.draws),
        extras={k: _moved(v, device) for k, v in stored.extras.items()},
    )
    # Moving pixels before they are brought to range gives the same at a quarter of the bytes.
    early = _count_geometric(batch, augment)
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
    specs = (data_spec.source, data_spec.target, *data_spec.extras.values())
    if batch.valid is None and MASK not in batch.extras and all(s.kind != "labels" and s.void is None for s in specs):
        return batch
    valid, target = _valid(batch, data_spec.target.void), one_hot(batch.target, data_spec.target)
    return replace(
        batch,
        valid=valid,
        source=one_hot(batch.source, data_spec.source),
        target=target if valid is None else target * valid,
        extras={k: one_hot(v, data_spec.extras[k]) for k, v in batch.extras.items() if k != MASK},
    )


def _valid(batch: Batch, void: int | None) -> Tensor | None:
    """Where the pictures are compared: by the data set's mask, and where the target's label is not void."""
    parts = [] if void is None else [batch.target != void]
    parts += [batch.extras[MASK] > 0] if MASK in batch.extras else []
    return torch.stack([part.float() for part in parts]).prod(0) if parts else None


def one_hot(values: Tensor, spec: ImageSpec) -> Tensor:
    """(B, C, *spatial) labels as (B, classes, *spatial) of 0 and 1, void pixels of 0, and a further plane for edges of
    instances; anything else as it is."""
    if spec.kind != "labels" or not spec.classes:
        return values
    if spec.instances:  # after all that moves pixels: edges are of the width of one pixel at every size
        classes = one_hot(values[:, :1], replace(spec, instances=False))
        return torch.cat([classes, instance_edges(values[:, 1:])], 1)
    if spec.void is None:
        return torch.nn.functional.one_hot(values[:, 0], spec.classes).movedim(-1, 1).float()
    is_void = values == spec.void
    planes = torch.nn.functional.one_hot(values.masked_fill(is_void, 0)[:, 0], spec.classes).movedim(-1, 1).float()
    return planes.masked_fill(is_void, 0)


def _count_geometric(batch: Batch, augment: Sequence[Augmentation]) -> int:
    """How many of the first augmentations only move pixels, and so can have 8-bit values; 0 for other values."""
    if any(x.dtype != torch.uint8 for x in (batch.source, batch.target, *batch.extras.values())):
        return 0
    return len([*itertools.takewhile(lambda change: getattr(change, "is_geometric", False), augment)])


def _moved(stored: Array | Tensor, device: torch.device) -> Tensor:
    tensor = stored if isinstance(stored, Tensor) else torch.from_numpy(stored)
    if device.type == "cuda" and not tensor.is_cuda:  # only from pinned memory does the copy run beside the computation
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True).movedim(-1, 1).contiguous()


def _ranged(values: Tensor, spec: ImageSpec) -> Tensor:
    return values.long() if spec.kind == "labels" else to_range(values, spec)


def _collate(pairs: Sequence[Pair]) -> Pair:
    extras = {k: np.stack([p.extras[k] for p in pairs]) for k in pairs[0].extras}
    return Pair(source=_stack(pairs, "source"), target=_stack(pairs, "target"), key="", extras=extras)


def _stack(pairs: Sequence[Pair], side: str) -> Array:
    arrays = [getattr(p, side) for p in pairs]
    other = next((p for p, a in zip(pairs, arrays, strict=True) if a.shape != arrays[0].shape), None)
    if other:
        shapes = f"{other.key} is {getattr(other, side).shape}, {pairs[0].key} is {arrays[0].shape}"
        raise ShapeError(f"pictures of one batch differ in size: {shapes}", hint="Set data.size, or data.batch_size=1.")
    return np.stack(arrays)
