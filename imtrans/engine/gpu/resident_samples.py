"""Decoded samples that lie on the card, and are gathered there."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import cast

import numpy as np
import torch
from torch import Tensor

from imtrans.engine.data.cache_store import CacheStore
from imtrans.engine.data.loader import loader
from imtrans.engine.data.pair_loader import HostBatch, PairLoader
from imtrans.engine.data.sampler import SampleIndex
from imtrans.interfaces import Pair

SHARE = 4  # one part in so many of the free memory of a card may be taken


class ResidentSamples:
    """A cache whose samples, all of them, were copied to a device: it gives the same as the cache, as tensors there."""

    def __init__(self, store: CacheStore, device: torch.device) -> None:
        self.store, self.device = store, device
        self._blocks = {name: torch.from_numpy(np.array(block)).to(device) for name, block in store.blocks.items()}

    def take(
        self, indices: Sequence[int], others: Sequence[int] | None = None, *, side: str = "target"
    ) -> tuple[Pair, list[str]] | None:
        """As `CacheStore.take`."""
        sides = {
            name: self._gathered(block, others if others and name == side else indices)
            for name, block in self._blocks.items()
        }
        return self.store.pair_of(sides), self.store.keys(indices, others)

    def _gathered(self, block: Tensor, indices: Sequence[int]) -> Tensor:
        places = torch.as_tensor(indices)
        if self.device.type == "cuda":  # else the copy would wait for the device
            places = places.pin_memory()
        return block.index_select(0, places.to(self.device, non_blocking=True)).movedim(1, -1)


class ResidentLoader:
    """Loads as `imtrans.engine.data.loader.loader` does; from the card once all samples are cached, where they fit."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._samples = cache(self._made)

    def __call__(
        self, loading: PairLoader, batches: Iterable[list[SampleIndex]], *, workers: int
    ) -> Iterator[HostBatch]:
        """The batches in order, on the device where that can be."""
        store = loading.cache
        samples = self._samples(store) if isinstance(store, CacheStore) and store.is_whole else None
        if samples is None:
            yield from loader(loading, batches, workers=workers)
            return
        resident = replace(loading, cache=cast(CacheStore, samples))  # which is asked for no more than `take`
        for places in batches:
            batch = resident.load_cached(places)
            assert batch is not None
            yield batch

    def _made(self, store: CacheStore) -> ResidentSamples | None:
        size = store.layout.bytes
        if size > (free := _free(self.device)) // SHARE:
            what = f"{size / 1e9:.1f} GB of samples, and {free / 1e9:.1f} GB are free on {self.device}"
            print(f"Note: samples stay in the cache: {what}", file=sys.stderr)  # noqa: T201
            return None
        return ResidentSamples(store, self.device) if store.is_sound() else None


def _free(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else sys.maxsize
