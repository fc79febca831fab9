"""Pairs in two folders, of several kinds of files, and the same as shards."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imtrans.kit.shards import ShardReader
from imtrans.kit.stores import open_store


def draw_pairs(folder: Path, *, train: int, val: int = 3, size: int = 32, suffix: str = ".png") -> Path:
    """Noise and its negative as files of the same names, which hold dots."""
    numbers = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for side in "AB":
            (folder / f"{split}{side}").mkdir(parents=True, exist_ok=True)
        for index in range(count):
            picture = numbers.integers(0, 256, (size, size, 3), dtype=np.uint8)
            for side, pixels in (("A", picture), ("B", 255 - picture)):
                Image.fromarray(pixels).save(folder / f"{split}{side}" / f"scan.{index:04}{suffix}")
    return folder


def open_reader(folder: Path | str, split: str = "train") -> ShardReader:
    return ShardReader(open_store(str(folder)), split)


@pytest.fixture
def pairs(tmp_path):
    return draw_pairs(tmp_path / "pairs", train=20)


@pytest.fixture
def packed(pairs, cli, tmp_path):
    """A set of 20 and 3 pairs in shards."""
    done = cli("data", "pack", str(pairs), "-o", "packed")
    assert done.code == 0, done.err
    return tmp_path / "packed"
