"""Small copies of the data sets that have to be fetched."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

UNPAIRED = ("horse2zebra", "monet2photo", "summer2winter", "apple2orange")
PAIRS = ("facades", "cityscapes", "maps", "edges2shoes", "edges2handbags", "night2day", "anime", "cityscapes-unpaired")


def noise(path: Path, seed: int, width: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = np.random.default_rng(seed).integers(0, 256, (8, width // 4, 3), dtype=np.uint8)
    Image.fromarray(np.kron(blocks, np.ones((4, 4, 1), np.uint8))).save(path)


@pytest.fixture(scope="session")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for --data-root: each named set with three pictures a split, and photos."""
    top = tmp_path_factory.mktemp("sets")
    for number in range(9):
        split = ("train", "val", "test")[number // 3]
        for name in PAIRS:
            noise(top / name / split / f"{number}.png", number, 64)
        for name in UNPAIRED:
            for side in "AB":
                place = top / name / f"{'train' if split == 'val' else split}{side}"
                noise(place / f"{side}{number}.png", 20 + number + 9 * (side == "B"), 32)
        noise(top / "photos" / split / f"{number}.png", number, 32)
        noise(top / "coco-sample" / "train_sample" / f"{number}.jpg", number, 32)
    (top / "cifar10").mkdir()
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        records = np.random.default_rng(len(name)).integers(0, 256, (12, 3073), dtype=np.uint8)
        with (top / "cifar10" / f"{name}.bin").open("wb") as file:
            file.write(records.tobytes())
            file.truncate(3073 * 10_000)
    return top
