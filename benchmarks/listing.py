"""How long the listing of a large folder takes, and what memory: N empty files, listed in a process of its own.

python benchmarks/listing.py [COUNT] [--two]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LISTING = """
import resource, sys, time
from pathlib import Path
from imtrans_datasets.pairing.layout import find
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.perf_counter()
found = find(Path(sys.argv[1]), "train")
seconds = time.perf_counter() - began
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(f"{len(found.items):,} pairs: {seconds:.2f} s, {after / 1024:.0f} MB at most, {before / 1024:.0f} MB before")
"""


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("count", nargs="?", type=int, default=100_000, help="files in each folder")
    given.add_argument("--two", action="store_true", help="two folders, A and B, instead of one")
    asked = given.parse_args()
    with tempfile.TemporaryDirectory() as top:
        began = time.perf_counter()
        for name in ("A", "B") if asked.two else ("train",):
            folder = Path(top) / name
            folder.mkdir()
            for number in range(asked.count):
                (folder / f"picture-{number:08}.png").touch()
        print(f"{asked.count:,} files made in {time.perf_counter() - began:.0f} s")
        subprocess.run([sys.executable, "-c", LISTING, top], check=True)


if __name__ == "__main__":
    main()
