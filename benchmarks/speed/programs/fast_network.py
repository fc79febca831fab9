"""The same with folded norms and in bfloat16, as `imtrans translate --fast --precision bf16`: CHECKPOINT, SIZE, COUNT.

From an array to an array, which is more than the network.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

import imtrans
from imtrans.engine.device import tune_malloc


def main(checkpoint: Path, size: int, count: int) -> None:
    tune_malloc()
    policy = {"inference.norm": "running", "inference.dropout": False}
    translator = imtrans.load(checkpoint, device="cpu", settings=policy, precision="bf16", is_fast=True)
    source = np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8)
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        translator.run(source)
        seconds.append(time.perf_counter() - began)
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
