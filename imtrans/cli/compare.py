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

GROUPS = ("run", "configuration", "metrics", "verdict")  # the other groups are protocols, and are named
WIDEST = 48  # characters of a value in the table


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@click.option("-o", "--output", metavar="FILE", help="Write curves and samples side by side: .html or .png.")
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
@click.pass_obj
def command(session: Session, runs: tuple[str, ...], output: str | None, as_json: bool) -> None:
    """Show what differs between runs: configuration, time, metrics and the coach's verdict."""
    suffix = Path(output).suffix.lower() if output else ""
    if output and suffix not in (".html", ".png"):
        raise ConfigError(
            f"-o {output}: a page is .html, a picture .png", hint=f"For example -o {Path(output).stem}.html"
        )
    read = _distinct([run_comparison.read(run) for run in runs])
    best = run_comparison.best(read, session.catalog)
    if output:
        from imtrans.cli import compare_page

        compare_page.write(Path(output), read, rows=list(rows(read, best)), notes=notes(read))
    click.echo(_as_json(read, best) if as_json else "\n".join(_lines(read, best, output=output)))


def rows(runs: Sequence[RunSummary], best: Mapping[str, str]) -> Iterator[tuple[str, str, list[str], list[bool]]]:
    """Group, what, the value of each run as text, and for each whether it is the best."""
    nothing = [False] * len(runs)
    yield "run", "status", [r.status for r in runs], nothing
    yield "run", "steps", [f"{r.past.step:,} of {r.steps:,}" for r in runs], nothing
    yield "run", "time", [_clock(r.seconds) for r in runs], nothing
    if any(r.parameters for r in runs):
        yield "run", "parameters", [r.parameters or "-" for r in runs], nothing
    for key, values in run_comparison.differences(runs).items():
        yield "configuration", key, [_text(v) for v in values], nothing
    for name in dict.fromkeys(n for r in runs for n in r.metrics):
        told = [r.metrics.get(name) for r in runs]
        marks = [best.get(name) == r.name for r in runs]
        yield "metrics", name, ["-" if v is None else f"{v:.4g}" for v in told], marks
    seen = ""
    for found in run_comparison.protocol_rows(runs):
        if found.protocol != seen:
            seen = found.protocol
            records = [r.evaluations.get(seen, {}) for r in runs]
            yield seen, "checkpoint", [Path(str(r.get("checkpoint", "-"))).name for r in records], nothing
        shown = ["-" if v is None else f"{v:.4g}" for v in found.values]
        yield found.protocol, found.name, shown, [i == found.best for i in range(len(runs))]
    yield "verdict", "verdict", [r.verdict["name"] or "-" for r in runs], nothing


def notes(runs: Sequence[RunSummary]) -> list[str]:
    """What keeps numbers of the runs from being compared."""
    return [*run_comparison.obstacles(runs), *run_comparison.protocol_mismatches(runs)]


def _distinct(runs: list[RunSummary]) -> list[RunSummary]:
    """Runs of one name in different folders are called by their folders."""
    from dataclasses import replace

    names = [r.name for r in runs]
    return [replace(r, name=str(r.folder)) if names.count(r.name) > 1 else r for r in runs]


def _lines(runs: Sequence[RunSummary], best: Mapping[str, str], *, output: str | None) -> Iterator[str]:
    told = list(rows(runs, best))
    cells = [[_cut(v) + (" *" if mark else "") for v, mark in zip(v, m, strict=True)] for _, _, v, m in told]
    heads = [_cut(r.name) for r in runs]
    widths = [max(len(head), *(len(row[i]) for row in cells)) for i, head in enumerate(heads)]
    first = max(len(what) for _, what, _, _ in told)
    yield _joined("", heads, first=first, widths=widths)
    group = "run"
    for (now, what, _, _), row in zip(told, cells, strict=True):
        if now != group:
            group = now
            yield "" if now in GROUPS else f"\n{now}"
        yield _joined(what, row, first=first, widths=widths)
    if any(any(marks) for _, _, _, marks in told):
        yield "\n* the best"
    yield from (f"Note: {note}" for note in notes(runs))
    for run in runs:
        if run.verdict["hint"]:
            yield printable(f"To try for {run.name}: {run.verdict['mend']}")
    if output:
        yield f"Page:     {output}" if output.endswith(".html") else f"Picture:  {output}"


def _joined(what: str, cells: Sequence[str], *, first: int, widths: Sequence[int]) -> str:
    told = [f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)]
    return "  ".join([f"{what:<{first}}", *told]).rstrip()


def _cut(text: str) -> str:
    plain = printable(" ".join(text.split()))
    return plain if len(plain) <= WIDEST else plain[: WIDEST - 3] + "..."


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _as_json(runs: Sequence[RunSummary], best: Mapping[str, str]) -> str:
    told = [
        {
            "name": r.name,
            "folder": str(r.folder),
            "status": r.status,
            "step": r.past.step,
            "steps": r.steps,
            "seconds": round(r.seconds, 3),
            "parameters": r.parameters or None,
            "metrics": {k: v if abs(v) < float("inf") else None for k, v in r.metrics.items()},
            "verdict": r.verdict if r.verdict["name"] else None,
            "evaluations": {k: {n: e[n] for n in ("hash", "numbers")} for k, e in r.evaluations.items()},
        }
        for r in runs
    ]
    whole = {
        "runs": told,
        "differences": run_comparison.differences(runs),
        "best": dict(best),
        "notes": notes(runs),
    }
    return json.dumps(whole, indent=1, default=str)
