"""A folder of pairs listed: FOLDER. Prints one line of JSON: pairs, seconds, and bytes above those of the imports."""

import json
import sys
import time
from pathlib import Path

from imtrans_datasets.pairing.layout import find


def peak() -> int:
    """Bytes of memory at most so far; `ru_maxrss` would begin with the peak of the process that started this one."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def main(folder: Path) -> None:
    before, began = peak(), time.perf_counter()
    found = find(folder, "train")
    seconds = time.perf_counter() - began
    print(json.dumps({"pairs": len(found.items), "seconds": seconds, "bytes": peak() - before}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
