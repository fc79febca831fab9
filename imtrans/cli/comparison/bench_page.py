"""What `imtrans bench` writes: bench.json, a table in Markdown, a page, and a picture of each recipe."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imtrans import atomic_io
from imtrans.cli.comparison import run_comparison
from imtrans.cli.comparison.bench_runs import BenchRun
from imtrans.cli.comparison.same_samples import panels_of, same_samples

if TYPE_CHECKING:
    from imtrans.kit.images import Array

TEMPLATE = Path(__file__).with_name("bench.html.j2")
ROWS = 3  # samples in the picture of a recipe
LEGEND = "* the best of those that were measured alike"
HEADS = ("recipe", "steps", "batch", "parameters", "ms a step", "memory, MB")


def write(folder: Path, runs: Sequence[BenchRun]) -> Path:
    """Write bench.json, bench.md, bench.html and RECIPE.png; returns the path of the page."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    pictures = {run.recipe: _picture(run) for run in runs}
    for recipe, picture in pictures.items():
        if picture is not None:
            Image.fromarray(picture).save(folder / f"{recipe}.png")
    atomic_io.replace_json(folder / "bench.json", record(runs))
    atomic_io.replace_text(folder / "bench.md", _markdown(runs, pictures))
    atomic_io.replace_text(folder / "bench.html", _page(runs))
    return folder / "bench.html"


def record(runs: Sequence[BenchRun]) -> dict[str, Any]:
    """All of it as values of JSON."""
    rows = [
        {
            "recipe": r.recipe,
            "run": str(r.folder),
            "steps": r.steps,
            "batch_size": r.batch_size,
            "parameters": r.parameters,
            "seconds_a_step": r.seconds,
            "peak_memory": r.memory,
            "evaluations": list(r.evaluations),
        }
        for r in runs
    ]
    return {"runs": rows, "notes": notes(runs)}


def cells(runs: Sequence[BenchRun]) -> tuple[list[str], list[list[str]]]:
    """The heads of the table, with an arrow where a number is good, and its rows, a recipe each; * marks the best."""
    names = [*dict.fromkeys(name for r in runs for name in r.numbers)]
    best = {name: _best(runs, name) for name in names}
    rows = []
    for r in runs:
        facts = [r.recipe, f"{r.steps:,}", str(r.batch_size), f"{r.parameters:,}"]
        facts += [_text(r.seconds and 1e3 * r.seconds), _text(r.memory and r.memory / 1e6)]
        rows.append([*facts, *(f"{_text(_value(r, name))}{' *' if r.recipe == best[name] else ''}" for name in names)])
    return [*HEADS, *(f"{name} {_arrow(runs, name)}" for name in names)], rows


def notes(runs: Sequence[BenchRun]) -> list[str]:
    """Why some of the numbers may not be compared."""
    found = []
    if any(r.conditions != runs[0].conditions for r in runs):
        found.append("not all were measured on the same pictures at the same size: no number is starred")
    if len({r.steps for r in runs}) > 1 or len({r.batch_size for r in runs}) > 1:
        found.append("they were not trained with equally many pictures: steps times batch")
    return found


def _best(runs: Sequence[BenchRun], name: str) -> str:
    """The recipe with the best number; none where they were measured differently, or fewer than two have it."""
    having = [(v, r) for r in runs if (v := _value(r, name)) is not None]
    if len(having) < 2 or any(r.conditions != runs[0].conditions for r in runs):
        return ""
    is_higher = bool(having[0][1].numbers[name]["higher_is_better"])
    return (max if is_higher else min)(having, key=lambda each: each[0])[1].recipe


def _value(run: BenchRun, name: str) -> float | None:
    value = run.numbers.get(name, {}).get("value")
    return float(value) if isinstance(value, int | float) else None


def _arrow(runs: Sequence[BenchRun], name: str) -> str:
    return "↑" if any(r.numbers.get(name, {}).get("higher_is_better") for r in runs) else "↓"


def _text(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _picture(run: BenchRun) -> "Array | None":
    """The first samples of a run on one sheet: source, prediction, target."""
    from imtrans.kit.report import samples
    from imtrans.kit.report.image_grid import sheet

    grid = samples.newest(run.folder)
    return sheet([panels_of([s]) for s in grid.samples[:ROWS]]) if grid and grid.samples else None


def _markdown(runs: Sequence[BenchRun], pictures: "dict[str, Array | None]") -> str:
    heads, rows = cells(runs)
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    lines += ["", f"\\{LEGEND}", *(["", *notes(runs)] if notes(runs) else [])]
    for recipe, picture in pictures.items():
        if picture is not None:
            lines += ["", f"![{recipe}: source, prediction, target]({recipe}.png)", "", f"*{recipe}*"]
    return "\n".join(lines) + "\n"


def _page(runs: Sequence[BenchRun]) -> str:
    from imtrans.kit.report.html_report import embedded, render

    heads, rows = cells(runs)
    about = [(r.evaluations[0].get("data set", ""), r.evaluations[0].get("split", "")) for r in runs]
    strips, of_samples = same_samples([run_comparison.read(str(r.folder)) for r in runs])
    images = iter(embedded([p for strip in strips for p in panels_of(strip)]))
    return render(
        TEMPLATE,
        {
            "title": f"{len(runs)} recipes on {', '.join(dict.fromkeys(f'{name} ({split})' for name, split in about))}",
            "heads": heads,
            "rows": [[(c.removesuffix(" *"), c.endswith(" *")) for c in row] for row in rows],
            "notes": [*notes(runs), *of_samples],
            "names": [r.recipe for r in runs],
            "strips": [(strip[0].key, [next(images) for _ in panels_of(strip)]) for strip in strips],
            "has_targets": any(strip[0].target is not None for strip in strips),
        },
    )
