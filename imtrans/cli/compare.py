"""imtrans compare"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from imtrans.cli import run_comparison
from imtrans.cli.run_comparison import RunSummary
from imtrans.cli.session import Session
from imtrans.errors import ConfigError, printable

# Between these an empty line is enough in the table; a protocol's group gets its name as a heading.
GROUPS = ("run", "configuration", "metrics", "verdict")
WIDEST = 48  # characters of a value in the table


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@click.option("-o", "--output", metavar="FILE", help="Write curves and samples side by side: .html or .png.")
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
@click.pass_obj
def command(session: Session, runs: tuple[str, ...], output: str | None, as_json: bool) -> None:
    """Show what differs between runs: configuration, time, metrics and the verdict of the diagnostics."""
    suffix = Path(output).suffix.lower() if output else ""
    if output and suffix not in (".html", ".png"):
        raise ConfigError(
            f"-o {output}: a page is .html, a picture .png", hint=f"For example -o {Path(output).stem}.html"
        )
    summaries = _distinct([run_comparison.read(run) for run in runs])
    best = run_comparison.best(summaries, session.catalog)
    if output:
        from imtrans.cli import compare_page

        compare_page.write(Path(output), summaries, rows=list(rows(summaries, best)), notes=notes(summaries))
    click.echo(_as_json(summaries, best) if as_json else "\n".join(_lines(summaries, best, output=output)))


def rows(runs: Sequence[RunSummary], best: Mapping[str, str]) -> Iterator[tuple[str, str, list[str], list[bool]]]:
    """Group, name of the row, the value of each run as text, and for each whether it is the best."""
    none_best = [False] * len(runs)
    yield "run", "status", [r.status for r in runs], none_best
    yield "run", "steps", [f"{r.past.step:,} of {r.steps:,}" for r in runs], none_best
    yield "run", "time", [_clock(r.seconds) for r in runs], none_best
    if any(r.parameters for r in runs):
        yield "run", "parameters", [r.parameters or "-" for r in runs], none_best
    for key, values in run_comparison.differences(runs).items():
        yield "configuration", key, [_text(v) for v in values], none_best
    for name in dict.fromkeys(n for r in runs for n in r.metrics):
        is_best = [best.get(name) == r.name for r in runs]
        yield "metrics", name, [_number(r.metrics.get(name)) for r in runs], is_best
    protocol = ""
    for row in run_comparison.protocol_rows(runs):
        if row.protocol != protocol:
            protocol = row.protocol
            records = [r.evaluations.get(protocol, {}) for r in runs]
            yield protocol, "checkpoint", [Path(str(r.get("checkpoint", "-"))).name for r in records], none_best
        yield protocol, row.name, [_number(v) for v in row.values], [i == row.best for i in range(len(runs))]
    yield "verdict", "verdict", [r.verdict["name"] or "-" for r in runs], none_best


def notes(runs: Sequence[RunSummary]) -> list[str]:
    """Why numbers of these runs cannot be compared, a line each; empty where they can."""
    return [*run_comparison.obstacles(runs), *run_comparison.protocol_mismatches(runs)]


def _distinct(runs: list[RunSummary]) -> list[RunSummary]:
    """The runs, those of one name in different folders named by their folders."""
    from dataclasses import replace

    names = [r.name for r in runs]
    return [replace(r, name=str(r.folder)) if names.count(r.name) > 1 else r for r in runs]


def _lines(runs: Sequence[RunSummary], best: Mapping[str, str], *, output: str | None) -> Iterator[str]:
    table = list(rows(runs, best))
    cells = [
        [_cut(v) + (" *" if b else "") for v, b in zip(values, is_best, strict=True)] for *_, values, is_best in table
    ]
    heads = [_cut(r.name) for r in runs]
    # Not rich's table: where the output is no terminal that wraps cells at 80 columns, and scripts read these lines.
    widths = [max(len(head), *(len(row[i]) for row in cells)) for i, head in enumerate(heads)]
    first = max(len(name) for _, name, _, _ in table)
    yield _joined("", heads, first=first, widths=widths)
    group = "run"
    for (group_of_row, name, _, _), row in zip(table, cells, strict=True):
        if group_of_row != group:
            group = group_of_row
            yield "" if group in GROUPS else f"\n{group}"
        yield _joined(name, row, first=first, widths=widths)
    if any(any(is_best) for *_, is_best in table):
        yield "\n* the best"
    yield from (f"Note: {note}" for note in notes(runs))
    for run in runs:
        if run.verdict["hint"]:
            yield printable(f"To try for {run.name}: {run.verdict['hint']}")
    if output:
        yield f"Page:     {output}" if output.endswith(".html") else f"Picture:  {output}"


def _joined(name: str, cells: Sequence[str], *, first: int, widths: Sequence[int]) -> str:
    padded = [f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)]
    return "  ".join([f"{name:<{first}}", *padded]).rstrip()


def _cut(text: str) -> str:
    plain = printable(" ".join(text.split()))
    return plain if len(plain) <= WIDEST else plain[: WIDEST - 3] + "..."


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _as_json(runs: Sequence[RunSummary], best: Mapping[str, str]) -> str:
    from imtrans.kit.report.json_number import json_number

    trees = [
        {
            "name": r.name,
            "folder": str(r.folder),
            "status": r.status,
            "step": r.past.step,
            "steps": r.steps,
            "seconds": round(r.seconds, 3),
            "parameters": r.parameters or None,
            "metrics": {k: json_number(v) for k, v in r.metrics.items()},
            "verdict": r.verdict if r.verdict["name"] else None,
            "evaluations": {k: {n: e[n] for n in ("hash", "numbers")} for k, e in r.evaluations.items()},
        }
        for r in runs
    ]
    comparison = {"differences": run_comparison.differences(runs), "best": dict(best), "notes": notes(runs)}
    return json.dumps({"runs": trees, **comparison}, indent=1, default=str)
