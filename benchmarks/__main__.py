"""Speed beside the plain way, measured on this machine: python -m benchmarks step|data|... [--rounds N]."""

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
    given.add_argument(
        "--is-tiny", action="store_true", help="small sizes, for a test that it runs: no figure means anything"
    )
    asked = given.parse_args()
    with tempfile.TemporaryDirectory() as top:
        os.environ["IMTRANS_HOME"] = str(Path(top) / "home")
        names = list(PARTS) if asked.part == "all" else [asked.part]
        results.run(names, Path(top), rounds=asked.rounds, is_tiny=asked.is_tiny)


if __name__ == "__main__":
    main()
