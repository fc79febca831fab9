"""How fast a folder is translated against the plain loop: python benchmarks/translate.py RUN [--pictures N]

Both take the same model and the same pictures (drawn, JPEG) in turns; the plain loop loads, translates and saves one by
one. The ratio of each round counts.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import imtrans
from imtrans.engine.inference import forward
from imtrans.engine.inference.forward import inference_mode
from imtrans.engine.inference.large.footprint import TileLimits
from imtrans.engine.inference.source_reader import ReadOptions
from imtrans.engine.inference.translate_files import Outcome, Work


def draw(folder, count, size):
    """Write `count` pictures."""
    random = np.random.default_rng(0)
    for i in range(count):
        cells = random.integers(0, 256, (size // 8, size // 8, 3)).astype(np.uint8)
        Image.fromarray(cells).resize((size, size), Image.Resampling.BICUBIC).save(folder / f"{i}.jpg")


def plain(model, sources, out):
    """Load, forward, save, one by one: the network as it is."""
    with inference_mode(model.model, seed=0):
        for source in sources:
            picture = np.asarray(Image.open(source).convert("RGB"))
            tensor = model.tensor(picture)
            translated = forward.translate(model.model, tensor)
            Image.fromarray(forward.as_stored(translated[0], tensor[0], model.model.data_spec)).save(
                out / f"{source.stem}.png"
            )


def ours(model, sources, out):
    """What `imtrans translate` does."""
    work = Work(translator=model, reading=ReadOptions(size="native"), limits=TileLimits())
    work.run([(source, ((0, out / f"{source.stem}.png"),)) for source in sources], Outcome(), lambda _done: None)


def main():
    """Print pictures a second of both, and the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    model, ratios = imtrans.load(given.run, device="cpu"), []
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        (room / "in").mkdir()
        draw(room / "in", given.pictures, given.size)
        sources = sorted((room / "in").iterdir())
        for _ in range(given.rounds):
            seconds = []
            for way in (plain, ours):
                (room / "out").mkdir()
                begin = time.perf_counter()
                way(model, sources, room / "out")
                seconds.append(time.perf_counter() - begin)
                shutil.rmtree(room / "out")
            ratios.append(seconds[0] / seconds[1])
            print(f"plain {given.pictures / seconds[0]:.1f} a second, ours {given.pictures / seconds[1]:.1f}")
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
