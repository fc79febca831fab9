"""Pairs a second through decoding, resizing, crop and flip, beside the plain way of the field, in turns.

plain: PIL, each picture by itself, torch's loader. decoding: imtrans without its cache. cached: with it, every sample
decoded before. All end with float tensors on the CPU. Before timing, the cached batches must be those without cache.
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from benchmarks.speed.pairs import draw_pairs
from benchmarks.speed.programs.plain_loading import PlainPairs
from benchmarks.speed.rows import Row
from benchmarks.speed.settings import run_config
from imtrans.engine import build
from imtrans.engine.data.cache import with_cache
from imtrans.engine.data.loader import prepare
from imtrans.engine.data.pair_loader import PairLoader, open_training
from imtrans.engine.data.prefetch import Prefetcher
from imtrans.engine.data.sampler import EpochSampler
from imtrans.engine.device import tune_malloc
from imtrans.interfaces import Augmentation, Batch
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.discovery import Selection, discover

CPU = torch.device("cpu")
GOALS = {1: 9.0, 4: 12.0}
Round = Callable[[], Iterable[int]]


def measure(folder: Path, *, rounds: int, pairs: int, size: int = 256, seconds: float = 1.0) -> list[Row]:
    """Rows for batches of 1 and 4, without processes of their own, and of 4 with two."""
    tune_malloc()
    drawn = draw_pairs(folder / "pairs", pairs, size=size)
    files = sorted((drawn / "train").iterdir())
    rows = []
    for batch, workers in ((1, 0), (4, 0), (4, 2)):
        bare, kept, augment = prepared(drawn, size, batch)
        ways = {
            "plain": plain(files, size=size, batch=batch, workers=workers),
            "decoding": ours(bare, augment, batch=batch, workers=workers),
            "cached": ours(kept, augment, batch=batch, workers=workers),
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                rates[name].append(rate(way, seconds))
        for name in ("decoding", "cached"):
            what, goal = (
                f"{name}, batch {batch}, {workers} processes",
                GOALS[batch] if name == "cached" and not workers else 0,
            )
            rows.append(Row(what, rates["plain"], rates[name], unit="pairs a second", is_rate=True, goal=goal))
    return rows


def plain(files: list[Path], *, size: int, batch: int, workers: int) -> Round:
    """A round of the plain way: the sizes of its batches, as they are there."""
    dataset = PlainPairs(files, size=size)
    read = DataLoader(dataset, batch_size=batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    return lambda: (len(source) for source, _ in read)


def ours(loading: PairLoader, augment: list[Augmentation], *, batch: int, workers: int) -> Round:
    """A round of ours, likewise."""
    return lambda: (len(b.keys) for b in batches(loading, augment, batch=batch, workers=workers))


def batches(loading: PairLoader, augment: list[Augmentation], *, batch: int, workers: int = 0) -> Iterator[Batch]:
    """The batches of an epoch."""
    count = len(loading.source.dataset)
    order = EpochSampler(count=count, batch_size=batch, seed=0, steps=-(-count // batch))
    for _, stored in Prefetcher(loading=loading, order=order, workers=workers):
        for each in stored:
            yield prepare(each, loading.data_spec, CPU, augment)


def prepared(folder: Path, size: int, batch: int) -> tuple[PairLoader, PairLoader, list[Augmentation]]:
    """Loading without and with the cache, the cache full, and the augmentation. The benchmark ends if they differ."""
    catalog = Catalog(discover(Selection(others=False)).records)
    config = run_config(catalog, folder, size=size, batch=batch, steps=1, precision="float32")
    bare, _, augment = open_training(config, build.ComponentFactory(catalog))
    [kept] = with_cache([bare], "on")
    if kept.cache is None:
        sys.exit("there is no cache")
    for _ in range(2):
        for one, other in zip(batches(bare, augment, batch=4), batches(kept, augment, batch=4), strict=True):
            if not (torch.equal(one.source, other.source) and torch.equal(one.target, other.target)):
                sys.exit("the cached batches are others")
    if not kept.cache.is_whole:
        sys.exit("not every sample was kept")
    return replace(bare, cache=None), kept, list(augment)


def rate(round_: Round, least: float) -> float:
    """Pairs a second over so many seconds at least, each time from the first batch on: what starting processes takes
    is not counted."""
    count, seconds = 0, 0.0
    while seconds < least:
        sizes = iter(round_())
        next(sizes)
        began = time.perf_counter()
        count += sum(sizes)
        seconds += time.perf_counter() - began
    return count / seconds
