"""How cost grows: a step over batch and size, the listing over files, a translation over pixels.

Each figure is of one process; the smaller of two where it is short.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from benchmarks.speed.pairs import draw_pairs
from benchmarks.speed.process import module, run
from benchmarks.speed.settings import command, settings
from imtrans.kit.images import MAX_PIXELS

STEPS = 4


def measure(folder: Path, *, is_tiny: bool) -> str:
    """Three tables in Markdown."""
    sizes, batches = ([32, 64], [1, 2]) if is_tiny else ([64, 128, 256, 512], [1, 2, 4, 8])
    counts, sides = ([10, 20], [64, 128]) if is_tiny else ([100, 10_000, 1_000_000], [256, 512, 1024, 2048, 4096, 8192])
    return "\n\n".join(
        [
            _shown(steps(folder / "steps", sizes, batches)),
            _shown(listings(folder / "files", counts)),
            _shown(translations(folder, sides)),
        ]
    )


def steps(folder: Path, sizes: Sequence[int], batches: Sequence[int]) -> str:
    """Milliseconds and memory of a training step of the paper's networks, in float32."""
    rows = []
    for size in sizes:
        pairs, cells = draw_pairs(folder / str(size), max(16, *batches), size=size), [f"{size} px"]
        for batch in batches:
            words = [module("step_alone"), str(pairs), str(size), str(batch), str(STEPS), "float32"]
            ended = run(words, folder=folder)
            taken = statistics.median(ended.record["seconds"][1:])
            cells.append(f"{1e3 * taken:,.0f} ms, {ended.peak / 1e9:.2f} GB")
        rows.append(cells)
    return _table(["a step", *(f"batch {b}" for b in batches)], rows)


def listings(folder: Path, counts: Sequence[int]) -> str:
    """Seconds and memory of listing so many empty files."""
    rows = []
    for count in counts:
        place = folder / str(count) / "train"
        place.mkdir(parents=True)
        for number in range(count):
            (place / f"picture-{number:08}.png").touch()
        told = [run([module("listing"), str(place.parent)], folder=folder).record for _ in range(2)]
        seconds, memory = (min(each[key] for each in told) for key in ("seconds", "bytes"))
        rows.append([f"{count:,}", f"{seconds:.3g} s", f"{memory / 1e6:,.0f} MB"])
    return _table(["files listed", "time", "memory above the imports"], rows)


def translations(folder: Path, sides: Sequence[int]) -> str:
    """Seconds and memory of `imtrans translate` of a picture of each size, by a small U-Net with running statistics."""
    pairs = draw_pairs(folder / "pairs", 16, size=64)
    keys = settings(size=64, batch=2, steps=1, precision="float32")
    keys |= {"generator.width": "16", "generator.depth": "5", "inference.norm": "running", "inference.dropout": "false"}
    run(command(pairs, keys, name="trained"), folder=folder)
    rows, numbers = [], np.random.default_rng(0)
    for side in sides:
        small = numbers.integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8)
        picture = Image.fromarray(small).resize((side, side), Image.Resampling.BILINEAR)
        name = _written(picture, folder, str(side))
        words = ["imtrans", "translate", "runs/trained/step-000001", name, "--size", "native", "--memory", "1GB"]
        ended = run([*words, "-o", f"out-{name}"], folder=folder)
        each = 1e6 * ended.seconds / side**2
        rows.append([f"{side} px", f"{ended.seconds:.1f} s", f"{each:.2f} s a megapixel", f"{ended.peak / 1e9:.2f} GB"])
    return _table(["a picture translated", "time, with the start", "", "memory"], rows)


def _shown(table: str) -> str:
    """The same, printed: what comes after it may fail."""
    print(f"\n{table}", flush=True)
    return table


def _written(picture: Image.Image, folder: Path, name: str) -> str:
    """The name of a PNG, or of an OME-TIFF in tiles: plain pictures end at 64 million pixels."""
    if picture.width * picture.height <= MAX_PIXELS:
        picture.save(folder / f"{name}.png")
        return f"{name}.png"
    tifffile.imwrite(folder / f"{name}.ome.tiff", np.asarray(picture), ome=True, tile=(512, 512), photometric="rgb")
    return f"{name}.ome.tiff"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
