"""The generator alone in eval mode, eager, float32: WEIGHTS, DEPTH, SIZE, COUNT. Prints the seconds of each picture."""

import json
import sys
import time
from pathlib import Path

import torch

from benchmarks.speed.programs.plain_translation import generator_of


def main(weights: Path, depth: int, size: int, count: int) -> None:
    generator, source = generator_of(weights, depth).eval(), torch.rand(1, 3, size, size) * 2 - 1
    seconds = []
    with torch.no_grad():
        for _ in range(count):
            began = time.perf_counter()
            generator(source)
            seconds.append(time.perf_counter() - began)
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
