"""imtrans runs"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from imtrans import atomic_io
from imtrans.cli.session import Session
from imtrans.cli.shared.download_progress import size_of
from imtrans.cli.shared.table import table, width_of_output
from imtrans.errors import ConfigError, ImtransError
from imtrans.plugins.interval import Interval
from imtrans.plugins.options import NONE

HEADS = ("run", "started", "status", "recipe", "data", "steps", "metrics", "size")
NARROW = 72
TAIL = 200_000  # bytes of a log in which the newest evaluation is looked for


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One run folder as its records describe it; what cannot be read is empty. Nothing here needs torch."""

    folder: Path
    record: dict[str, Any]
    config: dict[str, Any]
    size: int
    metrics: dict[str, float] = field(default_factory=dict)
    has_model: bool = True

    @property
    def status(self) -> str:
        """How the run ended, or that it runs."""
        return str(self.record.get("status", "?"))

    def cells(self) -> list[str]:
        """What the table shows."""
        step, steps = self.record.get("step"), self.record.get("steps")
        data = self.config.get("dataset", {})
        path = str(data.get("path", NONE))
        return [
            self.folder.name,
            _moment(str(self.record.get("started", "?"))),
            self.status,
            str(self.config.get("recipe", "?")),
            str(data.get("name", "?")) if path == NONE else Path(path).name,
            f"{step:,}" if step == steps and step is not None else f"{step or '?'} of {steps or '?'}",
            "  ".join(f"{name} {value:.3g}" for name, value in self.metrics.items()) or "-",
            size_of(self.size),
        ]


@click.command("runs")
@click.argument("runs", nargs=-1)
@click.option("--prune", is_flag=True, help="Delete RUNS; without names, what holds no model and what nothing needs.")
@click.option("--yes", is_flag=True, help="With --prune: do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
@click.pass_obj
def command(session: Session, /, runs: tuple[str, ...], prune: bool, yes: bool, as_json: bool) -> None:  # noqa: ARG001 - every command gets the session
    """Show the RUNS (all of this folder): when, recipe, data, steps, metrics and size."""
    rows = [read(_folder(run)) for run in runs] if runs else list(read_all())
    if prune:
        delete([row.folder for row in rows] if runs else removable(rows), must_ask=not yes)
    elif as_json:
        click.echo(json.dumps([_tree(row) for row in rows], indent=1))
    elif rows:
        width, total = width_of_output(), sum(row.size for row in rows)
        # Recipe and data are in most names, too.
        shown = [i for i, head in enumerate(HEADS) if head not in ("recipe", "data") or (width or NARROW) >= NARROW]
        cells = [[line[i] for i in shown] for line in (HEADS, *(row.cells() for row in rows))]
        click.echo("\n".join(table(cells, width=width, fixed=1)))
        click.echo(f"{len(rows)} run{'s' * (len(rows) != 1)}, {size_of(total)}")
    else:
        click.echo("No run is here yet: imtrans run pix2pix makes one.")


def read_all() -> Iterator[RunRow]:
    """The runs of this folder, the newest first."""
    from imtrans.engine.checkpoints.checkpoint_paths import RUNS

    folders = [p for p in RUNS.iterdir() if p.is_dir()] if RUNS.is_dir() else []
    yield from sorted(map(read, folders), key=lambda row: str(row.record.get("started", "")), reverse=True)


def read(folder: Path) -> RunRow:
    """One run folder."""
    from imtrans.config import io as config_io
    from imtrans.engine.checkpoints import checkpoint_paths

    try:
        config = config_io.read(folder / "config.toml")
    except ImtransError:
        config = {}
    record = atomic_io.read_json(folder / "run.json")
    step, metrics = _newest(folder / "metrics.jsonl")
    return RunRow(
        folder=folder,
        record={**record, "step": record.get("step") or step},
        config=config,
        size=_size(folder),
        metrics=metrics,
        has_model=bool(checkpoint_paths.newest_first(folder)) or checkpoint_paths.best(folder) is not None,
    )


def _folder(run: str) -> Path:
    """The folder of a run, also of one that was killed before its first record."""
    from imtrans.engine.checkpoints import checkpoint_paths
    from imtrans.engine.checkpoints.checkpoint_paths import RUNS

    return RUNS / run if (RUNS / run).is_dir() else checkpoint_paths.folder_of(Path(run))


def removable(rows: Sequence[RunRow]) -> list[Path]:
    """What nobody needs: runs without a model, and of finished runs the checkpoints beside the newest, the best and
    the milestones."""
    from imtrans.engine.checkpoints import checkpoint_paths

    paths = [row.folder for row in rows if not row.has_model]
    for row in rows:
        if row.status == "finished":
            every = row.config.get("train", {}).get("milestone_every", "never")
            interval = Interval.parse(every) if every != NONE else None
            paths += checkpoint_paths.superfluous(row.folder, keep=1, milestone_every=interval)
    return paths


def delete(paths: Sequence[Path], *, must_ask: bool) -> None:
    """Delete folders after a question. ConfigError where nobody can be asked, or a process writes in one."""
    from imtrans.engine.runs.run_dir import is_taken

    free = [p for p in paths if not is_taken(p) and not is_taken(p.parent)]
    for path in [p for p in paths if p not in free]:
        click.echo(f"{path} stays: a process writes in it", err=True)
    if not free:
        click.echo("Nothing to delete: every run holds a model, and finished ones no more than they need.")
        return
    for path in free:
        click.echo(f"  {path}  {size_of(_size(path))}")
    question = f"Delete these {len(free)}, {size_of(sum(map(_size, free)))} in all?"
    if must_ask and not sys.stdin.isatty():
        raise ConfigError(f"{question} There is nobody to ask", hint="To delete them without a question: --yes")
    if not must_ask or click.confirm(question, default=False):
        for path in free:
            atomic_io.remove_folder(path)
        click.echo(f"Deleted {len(free)}.")


def _moment(started: str) -> str:
    """Day and hour (UTC); of other years the date."""
    is_recent = started[:4] == time.strftime("%Y", time.gmtime())
    return started[5:16].replace("T", " ") if is_recent else started[:10]


def _newest(log: Path) -> tuple[int, dict[str, float]]:
    """The last step of a log, and the metrics of its newest evaluation."""
    from imtrans.kit.report.metric_history import REFERENCES

    step, metrics = 0, dict[str, float]()
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return step, metrics
    for line in lines:
        try:
            row = json.loads(line)
            step = int(row["step"])
        except (ValueError, KeyError, TypeError):  # the first line may be cut
            continue
        numbers = {k: v for k, v in row.items() if isinstance(v, float) and k != "time" and not k.endswith(REFERENCES)}
        metrics = numbers if row.get("split") == "val" and numbers else metrics
    return step, metrics


def _size(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def _tree(row: RunRow) -> dict[str, Any]:
    names = zip(HEADS[1:5], row.cells()[1:5], strict=True)
    return {
        "run": str(row.folder),
        **dict(names),
        "step": row.record["step"],
        "steps": row.record.get("steps"),
        "metrics": row.metrics,
        "bytes": row.size,
    }
