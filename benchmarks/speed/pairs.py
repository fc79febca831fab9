"""Drawn pairs for the benchmarks: house fronts beside their label maps, as JPEG."""

from pathlib import Path

import numpy as np
from PIL import Image

from imtrans_synthetic.toy_drawing import draw


def draw_pairs(folder: Path, count: int, *, size: int = 256) -> Path:
    """Write `count` pairs side by side, as JPEG of quality 90, and one for validation; gives the folder."""
    (folder / "train").mkdir(parents=True)
    (folder / "val").mkdir()
    for index in range(count):
        labels, picture = draw(index, height=size, width=size)
        whole = Image.fromarray(np.concatenate([picture, labels], axis=1))
        whole.save(folder / "train" / f"{index:04}.jpg", quality=90)
    whole.save(folder / "val" / "0.jpg")
    return folder
