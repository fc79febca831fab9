"""A folder of pairs listed: FOLDER. Prints one line of JSON: pairs, seconds, and bytes above those of the imports."""

import json
import resource
import sys
import time
from pathlib import Path

from imtrans_datasets.pairing.layout import find


def peak() -> int:
    """Bytes of memory at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(folder: Path) -> None:
    before, began = peak(), time.perf_counter()
    found = find(folder, "train")
    seconds = time.perf_counter() - began
    print(json.dumps({"pairs": len(found.items), "seconds": seconds, "bytes": peak() - before}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
