"""All benchmarks by name, what they print, and the section of RESULTS.md that `all` writes."""

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.speed import machine, step
from benchmarks.speed.rows import Row, table

Part = Callable[..., list[Row]]


def _step(folder: Path, *, rounds: int, is_tiny: bool) -> list[Row]:
    if is_tiny:
        return step.measure(folder, rounds=rounds, steps=12, sizes=[(32, 1)])
    rows = step.measure(folder, rounds=rounds, steps=40)
    return rows + step.measure(folder, rounds=rounds, steps=60, sizes=[(64, 1), (128, 1)])


PARTS: dict[str, Part] = {"step": _step}


def run(names: Sequence[str], folder: Path, *, rounds: int, is_tiny: bool) -> None:
    """Measure these parts and print their tables."""
    print(machine.described(), flush=True)
    for name in names:
        (folder / name).mkdir()
        rows = PARTS[name](folder / name, rounds=rounds, is_tiny=is_tiny)
        print(f"\n{name}\n{table(rows)}", flush=True)
