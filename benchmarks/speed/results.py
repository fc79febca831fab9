"""All benchmarks by name, what they print, and the section of RESULTS.md that `all` writes."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.speed import checkpoint, data, growth, machine, start, step, translate
from benchmarks.speed.rows import Row, table

RESULTS = Path(__file__).parents[1] / "RESULTS.md"
BEGIN, END = "<!-- speed: python -m benchmarks all -->", "<!-- end of speed -->"


def _step(folder: Path, *, rounds: int, is_tiny: bool) -> list[Row]:
    if is_tiny:
        return step.measure(folder, rounds=rounds, steps=12, sizes=[(32, 1)])
    rows = step.measure(folder, rounds=rounds, steps=40, sizes=[(256, 1), (64, 1), (128, 1)])
    return rows + step.measure(folder, rounds=rounds, steps=24, sizes=[(256, 4)])


def _data(folder: Path, *, rounds: int, is_tiny: bool) -> list[Row]:
    return (
        data.measure(folder, rounds=rounds, pairs=12, size=32, seconds=0.01)
        if is_tiny
        else data.measure(folder, rounds=rounds, pairs=150)
    )


def _translate(folder: Path, *, rounds: int, is_tiny: bool) -> list[Row]:
    small = {"count": 3, "size": 32} if is_tiny else {"count": 200}
    return translate.measure(folder, rounds=rounds, **small)


def _start(folder: Path, *, rounds: int, is_tiny: bool) -> list[Row]:
    return start.measure_start(folder, rounds=rounds, **({"size": 32, "steps": 2} if is_tiny else {}))


def _memory(folder: Path, *, rounds: int, is_tiny: bool) -> list[Row]:
    return start.measure_memory(folder, rounds=rounds, **({"size": 32, "steps": 2} if is_tiny else {}))


def _growth(folder: Path, *, rounds: int, is_tiny: bool) -> str:  # noqa: ARG001 - not beside the plain way
    return growth.measure(folder, is_tiny=is_tiny)


def _checkpoint(folder: Path, *, rounds: int, is_tiny: bool) -> list[Row]:
    return checkpoint.measure(folder, rounds=rounds, **({"size": 32} if is_tiny else {}))


PARTS: Mapping[str, Callable[..., list[Row] | str]] = {
    "step": _step,
    "data": _data,
    "translate": _translate,
    "start": _start,
    "checkpoint": _checkpoint,
    "memory": _memory,
    "growth": _growth,
}


def run(names: Sequence[str], folder: Path, *, rounds: int, is_tiny: bool) -> str:
    """Measure these parts, print their tables as they come, and return them as Markdown."""
    sections = [f"{datetime.date.today()}, {machine.described()}; {rounds} rounds, in turns."]
    print(sections[0], flush=True)
    for name in names:
        (folder / name).mkdir()
        told = PARTS[name](folder / name, rounds=rounds, is_tiny=is_tiny)
        sections.append(f"### {name}\n\n{told if isinstance(told, str) else table(told)}")
        print(f"\n{sections[-1]}", flush=True)
    return "\n\n".join(sections)


def keep(text: str, path: Path = RESULTS) -> None:
    """Put the tables into RESULTS.md, in the place of those of before."""
    before = path.read_text(encoding="utf-8")
    section = f"{BEGIN}\n## Speed\n\n{text}\n{END}"
    head, begin, rest = before.partition(BEGIN)
    tail = rest.partition(END)[2] if begin else "\n"
    path.write_text(f"{head.rstrip()}\n\n{section}{tail}", encoding="utf-8")
