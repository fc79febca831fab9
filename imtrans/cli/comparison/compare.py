"""imtrans compare"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from imtrans.cli.comparison import run_comparison
from imtrans.cli.comparison.run_comparison import RunSummary
from imtrans.cli.session import Session
from imtrans.cli.shared.table import blocks, cut, paragraph, table, width_of_output
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
        from imtrans.cli.comparison import compare_page

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
        is_fair = run_comparison.is_of_equal_steps(runs)
        is_best = [is_fair and best.get(name) == r.name for r in runs]
        yield "metrics", name, [_number(r.metrics.get(name)) for r in runs], is_best
    step = run_comparison.common_step(runs)
    if step is not None:
        for name in dict.fromkeys(n for r in runs for n in r.metrics_at(step)):
            values = [_number(r.metrics_at(step).get(name)) for r in runs]
            yield f"at step {step:,}", name, values, [best.get(name) == r.name for r in runs]
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
    return [
        *(run_comparison.obstacles(runs) or run_comparison.unequal_steps(runs)),
        *run_comparison.protocol_mismatches(runs),
    ]


def _distinct(runs: list[RunSummary]) -> list[RunSummary]:
    """The runs, those of one name in different folders named by their folders."""
    from dataclasses import replace

    names = [r.name for r in runs]
    return [replace(r, name=str(r.folder)) if names.count(r.name) > 1 else r for r in runs]


def _lines(runs: Sequence[RunSummary], best: Mapping[str, str], *, output: str | None) -> Iterator[str]:
    entries, width = list(rows(runs, best)), width_of_output()
    texts = [
        [name, *(cut(v, WIDEST) + " *" * is_best for v, is_best in zip(values, stars, strict=True))]
        for _, name, values, stars in entries
    ]
    texts.insert(0, ["", *(cut(r.name, WIDEST) for r in runs)])
    for columns in blocks(len(runs), width):
        yield from [""] * (columns.start > 0)
        lines = table([[row[0], *row[1:][columns]] for row in texts], width=width, fixed=1)
        yield from _grouped(lines, ["run", *(group for group, *_ in entries)])
    if any(any(stars) for *_, stars in entries):
        yield "\n* the best"
    for note in notes(runs):
        yield from paragraph("Note:", note, width=width)
    for run in runs:
        if run.verdict["hint"]:
            yield from paragraph(f"To try for {run.name}:", printable(run.verdict["hint"]), width=width)
    if output:
        yield f"Page:     {output}" if output.endswith(".html") else f"Picture:  {output}"


def _grouped(lines: Sequence[str], groups: Sequence[str]) -> Iterator[str]:
    """The lines with an empty one between groups, and the name of a group that needs one."""
    for number, (line, group) in enumerate(zip(lines, groups, strict=True)):
        if number and group != groups[number - 1]:
            yield "" if group in GROUPS else f"\n{group}"
        yield line


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
