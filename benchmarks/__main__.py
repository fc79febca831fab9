"""Speed beside the plain way of the field, measured on this machine: python -m benchmarks step|data|...|all."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.speed import chart, gpu, results
from benchmarks.speed.results import PARTS


def main() -> None:
    given = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    given.add_argument("part", choices=[*PARTS, "all", "gpu"], help="what to measure; all: into RESULTS.md, too")
    given.add_argument("--rounds", type=int, default=7, help="turns of the plain way and ours")
    given.add_argument("--tiny", action="store_true", help="small sizes, to see that it runs: no figure counts")
    given.add_argument("--out", type=Path, default=Path("gpu"), help="gpu: where its figures and trainings lie")
    given.add_argument("--data-root", type=Path, help="gpu: where facades and cityscapes lie")
    given.add_argument("--device", default="cuda", help="gpu: the device")
    asked = given.parse_args()
    if asked.part == "gpu":
        is_done = gpu.measure(asked.out, data=asked.data_root, device=asked.device, is_tiny=asked.tiny)
        sys.exit(None if is_done else "Not all is measured yet: call it again, with the same --out.")
    names = list(PARTS) if asked.part == "all" else [asked.part]
    with tempfile.TemporaryDirectory() as top:
        os.environ["IMTRANS_HOME"] = str(Path(top) / "home")
        text = results.run(names, Path(top), rounds=asked.rounds, is_tiny=asked.tiny)
    if asked.part == "all" and not asked.tiny:
        results.keep(text)
        chart.keep(results.RESULTS)


if __name__ == "__main__":
    main()
