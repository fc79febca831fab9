"""What `imtrans list` costs beside starting Python, and what importing torch would cost.

    python benchmarks/startup.py

Alternating whole processes, medians of 15; the goal is under 0.3 s for the list.
"""

import statistics
import subprocess
import sys
import time

ROUNDS = 15
COMMANDS = {
    "python": ["-c", "pass"],
    "imtrans --version": ["-m", "imtrans", "--version"],
    "imtrans list": ["-m", "imtrans", "list"],
    "import torch": ["-c", "import torch"],
}


def seconds(arguments: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def main() -> None:
    for arguments in COMMANDS.values():
        seconds(arguments)
    rounds = [{name: seconds(arguments) for name, arguments in COMMANDS.items()} for _ in range(ROUNDS)]
    plain = statistics.median(r["python"] for r in rounds)
    for name in COMMANDS:
        times = sorted(r[name] for r in rounds)
        middle = statistics.median(times)
        print(f"{name:<18} {middle:.3f} s ({times[0]:.3f} to {times[-1]:.3f}), {middle / plain:.1f} times a bare start")


if __name__ == "__main__":
    main()
