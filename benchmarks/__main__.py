"""Speed beside the plain way of the field, measured on this machine: python -m benchmarks step|data|...|all."""

import argparse
import os
import tempfile
from pathlib import Path

from benchmarks.speed import results
from benchmarks.speed.results import PARTS


def main() -> None:
    given = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    given.add_argument("part", choices=[*PARTS, "all"], help="what to measure; all: every part, into RESULTS.md")
    given.add_argument("--rounds", type=int, default=7, help="turns of the plain way and ours")
    given.add_argument("--tiny", action="store_true", help="small sizes, to see that it runs: no figure counts")
    asked = given.parse_args()
    names = list(PARTS) if asked.part == "all" else [asked.part]
    with tempfile.TemporaryDirectory() as top:
        os.environ["IMTRANS_HOME"] = str(Path(top) / "home")
        text = results.run(names, Path(top), rounds=asked.rounds, is_tiny=asked.tiny)
    if asked.part == "all" and not asked.tiny:
        results.keep(text)


if __name__ == "__main__":
    main()
