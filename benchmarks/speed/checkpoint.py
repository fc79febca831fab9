"""How long a full save keeps the training waiting, beside torch.save of the same state, both on the disk."""

from pathlib import Path

from benchmarks.speed.pairs import draw_pairs
from benchmarks.speed.process import module, run
from benchmarks.speed.rows import Row


def measure(folder: Path, *, rounds: int, size: int = 256) -> list[Row]:
    """The stall, and the time until the checkpoint is written, hashed and read back."""
    pairs = draw_pairs(folder / "pairs", 8, size=size)
    taken = run([module("saving"), str(pairs), str(size), str(rounds)], folder=folder).record
    milliseconds = {name: [1e3 * s for s in seconds] for name, seconds in taken.items()}
    return [
        Row("a full save, until training goes on", milliseconds["plain"], milliseconds["ours"], goal=5),
        Row("until it is written, hashed and read back", milliseconds["plain"], milliseconds["until_written"]),
    ]
