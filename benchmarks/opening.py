"""How long the start of a run takes until its first sample is read: N small PNG pairs, opened and screened three times.

    python benchmarks/opening.py [PAIRS]

Each time in a process of its own, without the time of imports. The first start has no cache of headers.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

STARTS = 3
START = """
import sys, time
from pathlib import Path
from imtrans.config.resolve import resolve
from imtrans.engine.build import ComponentFactory
from imtrans.engine.data.pair_loader import open_split, open_training
from imtrans.engine.distributed import ProcessGroup
from imtrans.engine.training import setup  # what a run imports
from imtrans.engine.validation.preflight import screen
from imtrans.plugins.catalog import Catalog
from imtrans.plugins.component import ComponentRef
from imtrans.plugins.discovery import discover
top, catalog = Path(sys.argv[1]), Catalog(discover().records)
config = resolve(catalog, "pix2pix", dataset=ComponentRef("folder", {"path": str(top / "pairs")}))
maker, began = ComponentFactory(catalog), time.perf_counter()
training, plain, _ = open_training(config, maker)
validation = open_split(config, "val", data_spec=training.data_spec)
opened = time.perf_counter()
screen(config, (training, plain, validation), folder=top, start=None, world=ProcessGroup())
ended = time.perf_counter()
print(f"opened in {opened - began:.2f} s, screened in {ended - opened:.2f} s, together {ended - began:.2f} s")
"""


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as top:
        numbers, began = np.random.default_rng(0), time.perf_counter()
        for side in "AB":
            folder = Path(top) / "pairs" / side
            folder.mkdir(parents=True)
            for number in range(count):
                picture = numbers.integers(0, 256, (32, 32, 3), np.uint8)
                (folder / f"picture-{number:06}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
        print(f"{count:,} pairs made in {time.perf_counter() - began:.0f} s", flush=True)
        for _ in range(STARTS):
            environment = {**os.environ, "IMTRANS_HOME": str(Path(top) / "home")}
            subprocess.run([sys.executable, "-c", START, top], check=True, env=environment)


if __name__ == "__main__":
    main()
