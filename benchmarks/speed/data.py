"""Pairs per second through decoding, resizing, crop and flip, beside the plain way of the field, A B C A B C.

    python benchmarks/loading.py [--pairs 300] [--rounds 7] [--batch 4] [--folder DIR]

plain: PIL, each picture by itself (bicubic resize to 286, crop to 256, flip, tensor, normalise), torch's loader.
decoding: imtrans without its cache. cached: imtrans with it, every sample decoded before. All three end with float
tensors of 256 px on the CPU, and take the same drawn JPEG pairs of 512 x 256, or those of a folder, with 0, 1 and 2
processes. Before timing, the cached batches must be those without cache, bit for bit.
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import PIL
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from imtrans import ComponentRef
from imtrans.config.resolve import resolve
from imtrans.config.sources import Assignment, Layer
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
from imtrans.plugins.options import CliText
from imtrans_synthetic.toy_drawing import draw

SETTINGS = {"data.size": "256", "data.interpolation": "bicubic", "augment.kornia-jitter.scale": "1.117"}
WORKERS = (0, 1, 2)
WIDEST = 0.35  # half of the ratios lie within so much of their median, or there is none to tell
CPU = torch.device("cpu")


class Plain(Dataset[tuple[Tensor, Tensor]]):
    """The plain way, one pair at a time."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        whole = Image.open(self.files[index]).convert("RGB")
        half, height = whole.width // 2, whole.height
        left, top, is_flipped = random.randint(0, 30), random.randint(0, 30), random.random() < 0.5
        source, target = (
            self.changed(whole.crop((start, 0, start + half, height)), left, top, is_flipped=is_flipped)
            for start in (0, half)
        )
        return source, target

    @staticmethod
    def changed(picture: Image.Image, left: int, top: int, *, is_flipped: bool) -> Tensor:
        picture = picture.resize((286, 286), Image.Resampling.BICUBIC).crop((left, top, left + 256, top + 256))
        if is_flipped:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        values = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous().float().div(255)
        return values.sub_(0.5).div_(0.5)


def plain(files: list[Path], *, batch: int, workers: int) -> Callable[[], Iterable[int]]:
    """A round of the plain way: the sizes of its batches, as they are there."""
    read = DataLoader(Plain(files), batch_size=batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    return lambda: (len(source) for source, _ in read)


def ours(loading: PairLoader, augment: list[Augmentation], *, batch: int, workers: int) -> Callable[[], Iterable[int]]:
    """A round of ours, likewise."""
    return lambda: (len(b.keys) for b in batches(loading, augment, batch=batch, workers=workers))


def batches(loading: PairLoader, augment: list[Augmentation], *, batch: int, workers: int = 0) -> Iterator[Batch]:
    count = len(loading.source.dataset)
    order = EpochSampler(count=count, batch_size=batch, seed=0, steps=-(-count // batch))
    for _, stored in Prefetcher(loading=loading, order=order, workers=workers):
        for each in stored:
            yield prepare(each, loading.data_spec, CPU, augment)


def made(folder: Path, count: int) -> None:
    """Drawn house fronts beside their label maps, as JPEG of quality 90."""
    (folder / "train").mkdir(parents=True)
    (folder / "val").mkdir()
    for index in range(count):
        labels, picture = draw(index, height=256, width=256)
        whole = Image.fromarray(np.concatenate([picture, labels], axis=1))
        whole.save(folder / "train" / f"{index:04}.jpg", quality=90)
    whole.save(folder / "val" / "0.jpg")


def prepared(folder: Path) -> tuple[PairLoader, PairLoader, list[Augmentation]]:
    """Loading without and with the cache, the cache full, and the augmentation. The run ends if they differ."""
    catalog = Catalog(discover(Selection(others=False)).records)
    keys = [Assignment(tuple(k.split(".")), CliText(v), k) for k, v in SETTINGS.items()]
    config = resolve(
        catalog, "pix2pix", dataset=ComponentRef("folder", {"path": str(folder)}), layers=[Layer("benchmark", keys)]
    )
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
    return replace(bare, decoded=None), kept, augment


def rate(round_: Callable[[], Iterable[int]]) -> float:
    """Pairs a second over a second at least, each time from the first batch on: what starting processes takes is not
    counted."""
    count, seconds = 0, 0.0
    while seconds < 1:
        sizes = iter(round_())
        next(sizes)
        begun = time.perf_counter()
        count += sum(sizes)
        seconds += time.perf_counter() - begun
    return count / seconds


def told(numbers: list[float]) -> str:
    ordered = sorted(numbers)
    return f"{statistics.median(ordered):7,.1f} ({ordered[0]:,.1f} to {ordered[-1]:,.1f})"


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--pairs", type=int, default=300)
    given.add_argument("--rounds", type=int, default=7)
    given.add_argument("--batch", type=int, default=4)
    given.add_argument("--folder", type=Path, help="pairs side by side in train/ and val/; none: drawn ones")
    asked = given.parse_args()
    tune_malloc()
    with tempfile.TemporaryDirectory() as room:
        os.environ["IMTRANS_HOME"] = str(Path(room) / "home")
        folder = asked.folder or Path(room) / "pairs"
        if not asked.folder:
            made(folder, asked.pairs)
        measure(folder, batch=asked.batch, rounds=asked.rounds)


def measure(folder: Path, *, batch: int, rounds: int) -> None:
    bare, kept, augment = prepared(folder)
    files = sorted(path for path in (folder / "train").iterdir() if path.is_file())
    arms = {
        (name, workers): arm
        for workers in WORKERS
        for name, arm in (
            ("plain", plain(files, batch=batch, workers=workers)),
            ("decoding", ours(bare, augment, batch=batch, workers=workers)),
            ("cached", ours(kept, augment, batch=batch, workers=workers)),
        )
    }
    rates: dict[tuple[str, int], list[float]] = {key: [] for key in arms}
    for number in range(rounds + 1):
        for key, arm in arms.items():
            found = rate(arm)
            if number:
                rates[key].append(found)
    versions = f"torch {torch.__version__}, numpy {np.__version__}, pillow {PIL.__version__}, opencv {cv2.__version__}"
    print(f"{versions}; {torch.get_num_threads()} threads; {len(files)} pairs, batch {batch}, {rounds} rounds")
    is_wide = False
    for workers in WORKERS:
        for name in ("plain", "decoding", "cached"):
            print(f"{workers} processes  {name:<9} {told(rates[name, workers])} pairs a second")
        for name in ("decoding", "cached"):
            ratios = sorted(a / b for a, b in zip(rates[name, workers], rates["plain", workers], strict=True))
            low, middle, high = statistics.quantiles(ratios, n=4)
            if high - low > WIDEST * middle:
                is_wide = True
                print(f"{workers} processes  {name} to plain: too wide a spread to tell ({told(ratios).strip()})")
            else:
                print(f"{workers} processes  {name} to plain: {told(ratios).strip()} times")
    if is_wide:
        sys.exit("The machine was not quiet enough.")


if __name__ == "__main__":
    main()
