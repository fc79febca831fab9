"""The same numbers of every checkpoint of a run: quality over time, as a table, a page and a record."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imtrans import atomic_io
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.evaluation.eval_report import format_number
from imtrans.engine.evaluation.evaluator import Number
from imtrans.engine.evaluation.run_evaluation import EvaluationResult
from imtrans.kit.report.html_report import Chart, Series, charts_of, render

TEMPLATE = Path(__file__).with_name("history.html.j2")
NAME = "checkpoints"  # of the files, beside those of each checkpoint
ONE = "one checkpoint is kept; for quality over time keep more: --set train.milestone_every=500, or train.keep_last=20"


@dataclass(frozen=True, kw_only=True)
class CheckpointHistory:
    """Evaluations of a run's checkpoints by one protocol, from the first step to the last."""

    run: Path
    results: Sequence[EvaluationResult]
    page: Path | None = None

    @property
    def steps(self) -> list[int]:
        """The step of each checkpoint."""
        return [checkpoint_paths.number_of(Path(r.about["checkpoint"])) or 0 for r in self.results]

    @property
    def names(self) -> list[str]:
        """The numbers that any checkpoint has."""
        return [*dict.fromkeys(name for r in self.results for name in r.evaluation.numbers)]

    def column(self, name: str) -> list[Number | None]:
        """One number of each checkpoint."""
        return [r.evaluation.numbers.get(name) for r in self.results]

    @property
    def best(self) -> Mapping[str, int]:
        """By number the step at which it is best."""
        found = {}
        for name in self.names:
            known = [
                (n.value, s) for n, s in zip(self.column(name), self.steps, strict=True) if n and math.isfinite(n.value)
            ]
            if known:
                is_higher = any(n.higher_is_better for n in self.column(name) if n)
                found[name] = (max if is_higher else min)(known, key=lambda each: each[0])[1]
        return found

    @property
    def notes(self) -> list[str]:
        """What has to be said of a choice among them."""
        split = self.results[-1].about["split"]
        chosen = (
            f"whoever takes the best of these has chosen by these pictures ({split}): its number is then too good, and "
            f"has to be measured on others"
        )
        return [*dict.fromkeys(n for r in self.results for n in _own_notes(r)), chosen if len(self.steps) > 1 else ONE]

    @property
    def record(self) -> dict[str, Any]:
        """All of it as values of JSON."""
        return {
            "run": str(self.run),
            "best": dict(self.best),
            "checkpoints": [{"step": s, **r.record} for s, r in zip(self.steps, self.results, strict=True)],
            "page": str(self.page),
        }


def write(history: CheckpointHistory) -> CheckpointHistory:
    """Write checkpoints.csv and checkpoints.html beside the tables of the checkpoints; the history with its page."""
    folder = history.results[-1].table.parent
    page = folder / f"{NAME}.html"
    atomic_io.replace_text(folder / f"{NAME}.csv", _table(history))
    atomic_io.replace_text(page, _page(history))
    return CheckpointHistory(run=history.run, results=history.results, page=page)


def _table(history: CheckpointHistory) -> str:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["step", *history.names])
    columns = [history.column(name) for name in history.names]
    for index, step in enumerate(history.steps):
        cells = (column[index] for column in columns)
        rows.writerow([step, *("" if n is None or math.isnan(n.value) else f"{n.value:.9g}" for n in cells)])
    return out.getvalue()


def _page(history: CheckpointHistory) -> str:
    last = history.results[-1]
    protocol = last.evaluation.protocol
    return render(
        TEMPLATE,
        {
            "title": f"{history.run.name}: {protocol.name} v{protocol.version} over time",
            "about": [(k, last.about[k]) for k in ("data set", "split")] + [("hash", last.evaluation.hash)],
            "notes": history.notes,
            "charts": charts_of(_chart(history, name) for name in history.names),
            "names": history.names,
            "rows": _rows(history),
        },
    )


def _rows(history: CheckpointHistory) -> list[tuple[str, list[tuple[str, bool]]]]:
    """For each checkpoint its step, and its numbers with whether each is the best."""
    best, columns = history.best, {name: history.column(name) for name in history.names}
    return [
        (f"{step:,}", [(shown(columns[name][index]), best.get(name) == step) for name in history.names])
        for index, step in enumerate(history.steps)
    ]


def shown(number: Number | None) -> str:
    """A number in a table; "-" for none."""
    return format_number(number.value if number else None)


def _chart(history: CheckpointHistory, name: str) -> Chart:
    """A number over steps, with the ends of its interval and the mean image as dashed lines where it has them."""
    column = history.column(name)
    lines = {
        name: [n.value if n else None for n in column],
        "95 %, low": [n.interval.low if n and n.interval else None for n in column],
        "95 %, high": [n.interval.high if n and n.interval else None for n in column],
        "mean image": [n.baseline if n else None for n in column],
    }
    series = [
        Series(name=line, dashed=line != name, points=_points(history.steps, values)) for line, values in lines.items()
    ]
    return Chart(group="metrics", title=name, axis=name, series=[s for s in series if s.points], log=True)


def _points(steps: Sequence[int], values: Sequence[float | None]) -> list[tuple[int, float]]:
    return [(step, v) for step, v in zip(steps, values, strict=True) if v is not None and math.isfinite(v)]


def _own_notes(result: EvaluationResult) -> list[str]:
    """The notes of an evaluation without that on the choice, which is said once for all."""
    said = result.choice.note if result.choice else ""
    return [n for n in result.evaluation.notes if n != said]
