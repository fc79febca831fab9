"""How good are models of the drawn set `day2night`, beside what needs no training?

    python benchmarks/day_to_night.py RUN [RUN ...] [--houses 256] [--size 64]

Translates houses by day that are in no split, and prints the Fréchet distance of EfficientNet-lite0's packaged features
to as many nights of other houses, and the L1 distance to the same houses by night, which only drawn data have (range
0 to 2). Rows of their own: the pictures unchanged, with the nights' colour statistics, the nights' mean colour, and the
true nights of the same houses.
"""

import argparse
from collections.abc import Iterator

import numpy as np
import torch

import imtrans
from imtrans.interfaces import Batch
from imtrans.kit.images import Array
from imtrans.testing import make
from imtrans_synthetic.toy_drawing import draw

FIRST, OTHERS = 3_000_000, 3_500_000  # numbers of houses behind those of all splits


def main() -> None:
    given = _arguments()
    day, own = (_drawn(FIRST, given, is_night=is_night) for is_night in (False, True))
    night = _drawn(OTHERS, given, is_night=True)
    metric = make("metric", "lite0-frechet")
    print(f"{given.houses} houses, {given.size} px".ljust(32), "lite0-frechet  L1 to the same house")
    for name, pictures in _rows(given.runs, day, night, own):
        distance = np.abs(pictures.astype(float) - own).mean() / 127.5
        print(name.ljust(32), f"{_frechet(metric, pictures, night):13.1f}  {distance:.3f}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", nargs="*")
    parser.add_argument("--houses", type=int, default=256)
    parser.add_argument("--size", type=int, default=64)
    return parser.parse_args()


def _rows(runs: list[str], day: Array, night: Array, own: Array) -> Iterator[tuple[str, Array]]:
    yield "unchanged", day
    yield "the nights' colour statistics", _with_statistics(day, night)
    yield "the nights' mean colour", np.broadcast_to(night.mean((0, 1, 2)).round().astype(np.uint8), night.shape)
    yield "the true nights", own
    for run in runs:
        yield run, np.stack(imtrans.load(run).translate(list(day)))


def _drawn(first: int, given: argparse.Namespace, *, is_night: bool) -> Array:
    size = {"height": given.size, "width": given.size}
    return np.stack([draw(first + i, **size, is_night=is_night)[1] for i in range(given.houses)])


def _with_statistics(pictures: Array, others: Array) -> Array:
    """The mean and deviation of each channel as those of the others."""
    mean, deviation = (getattr(pictures, name)((0, 1, 2)) for name in ("mean", "std"))
    moved = (pictures - mean) / deviation * others.std((0, 1, 2)) + others.mean((0, 1, 2))
    return np.clip(moved, 0, 255).astype(np.uint8)


def _frechet(metric: object, pictures: Array, others: Array) -> float:
    sides = [torch.tensor(side).movedim(-1, 1).float() / 127.5 - 1 for side in (pictures, others)]
    rows = []
    for a, b in zip(*(side.split(32) for side in sides), strict=True):
        batch = Batch(source=b, target=b, keys=[""] * len(a), draws=torch.zeros(len(a), dtype=torch.int64))
        rows.append(metric.compute(a, batch))
    return float(metric.aggregate(torch.cat(rows))["lite0_frechet"])


if __name__ == "__main__":
    main()
