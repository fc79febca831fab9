"""Pairs read at random from files and from shards, a sample at a time: python benchmarks/shard_reading.py [DIR].

DIR is a folder of pairs; without it 2,975 pairs of 256 x 256 pixels are drawn. Both are in the page cache.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from imtrans.cli.main import run
from imtrans.engine.data.source import DatasetSource
from imtrans.interfaces import Split
from imtrans.kit.images import encode
from imtrans.testing.datasets import _source

COUNT, READ, ROUNDS = 2975, 600, 5


def drawn(folder: Path) -> Path:
    """Pairs of smooth noise, as compressible as photos."""
    numbers = np.random.default_rng(0)
    for side in "AB":
        (folder / f"train{side}").mkdir(parents=True)
    for index in range(COUNT):
        for side in "AB":
            small = numbers.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            encode(folder / f"train{side}" / f"{index:05}.png", np.kron(small, np.ones((4, 4, 1), np.uint8)))
    return folder


def seconds(source: DatasetSource, order: list[int]) -> float:
    """What reading the samples in this order takes."""
    dataset, began = source.dataset, time.perf_counter()
    for index in order:
        dataset[index]
    return time.perf_counter() - began


def main() -> None:
    """Print milliseconds a pair."""
    with tempfile.TemporaryDirectory() as top:
        pairs = Path(sys.argv[1]) if len(sys.argv) > 1 else drawn(Path(top) / "pairs")
        assert run(["data", "pack", str(pairs), "-o", f"{top}/packed"]) == 0
        split: Split = "train"
        # At the size of a loader: it takes pairs of two sizes.
        sources = {
            name: _source(name, split, size=(256,), options={"path": str(path)})
            for name, path in (("folder", pairs), ("shards", Path(top) / "packed"))
        }
        count = len(sources["shards"].dataset)
        order = random.Random(0).choices(range(count), k=READ)
        times: dict[str, list[float]] = {name: [] for name in sources}
        for _ in range(ROUNDS + 1):
            for name, source in sources.items():
                times[name].append(1000 * seconds(source, order) / READ)
        best = {name: min(each[1:]) for name, each in times.items()}
        texts = [f"{name} {value:.3f} ms" for name, value in best.items()]
        print(f"{count} pairs, {READ} read at random, least of {ROUNDS}: {', '.join(texts)};", end=" ")
        print(f"shards take {best['shards'] / best['folder']:.2f} times as long")


if __name__ == "__main__":
    main()
