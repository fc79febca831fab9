"""An evaluation on disk: its numbers with their protocol, a table of all pictures, and a page that shows them."""

import csv
import datetime
import io
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import imtrans
from imtrans import atomic_io
from imtrans.engine.evaluation.eval_samples import EvalSample
from imtrans.engine.evaluation.evaluator import Evaluation, Number
from imtrans.errors import ResourceError, printable
from imtrans.kit.images import Array, encode
from imtrans.kit.report.html_report import render
from imtrans.kit.report.image_grid import Grid, grid
from imtrans.kit.report.json_number import json_number

FOLDER = "evaluation"
TEMPLATE = Path(__file__).with_name("eval_report.html.j2")


def write(base: Path, name: str, evaluation: Evaluation, *, about: Mapping[str, Any]) -> Path:
    """Write `base`/PROTOCOL-vN-HASH/NAME.json and NAME.csv; returns the path of the table."""
    folder = base / f"{evaluation.protocol.name}-v{evaluation.protocol.version}-{evaluation.hash}"
    _make_folder(folder)
    atomic_io.replace_json(folder / f"{name}.json", record(evaluation, about=about))
    table = folder / f"{name}.csv"
    atomic_io.replace_text(table, _table(evaluation))
    return table


def record(evaluation: Evaluation, *, about: Mapping[str, Any]) -> dict[str, Any]:
    """An evaluation as JSON: its numbers, and beside them every choice that decides what they mean."""
    return {
        **about,
        "protocol": evaluation.protocol.name,
        "version": evaluation.protocol.version,
        "hash": evaluation.hash,
        "pictures": len(evaluation.keys),
        "numbers": {name: _number(n) for name, n in evaluation.numbers.items()},
        "choices": evaluation.choices,
        "notes": list(evaluation.notes),
        "imtrans": imtrans.__version__,
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
    }


class ImagePage:
    """The pictures of an evaluation, one folder a side, and a page that shows them, worst first.

    The folders `prediction` and `target` can be evaluated again as two folders. With a `grid` the first pictures of
    each side are also written as one sheet: prediction.png, target.png, source.png.
    """

    def __init__(self, folder: Path, *, grid: Grid | None = None) -> None:
        self._grid, self._first = grid, dict[str, list[Array]]()
        self.folder, self.names = folder, dict[str, None]()
        self.sides: list[str] = []
        _make_folder(folder)

    def add(self, index: int, sample: EvalSample) -> None:
        """Write the pictures of one sample. `index` must count up from 0: the first ones go on the sheets."""
        pictures = sample.pictures()
        name = re.sub(r"[^\w.-]+", "_", sample.batch.keys[0]) or "picture"
        name = f"{name}-{index}" if name in self.names else name  # two keys can differ in replaced characters alone
        self.names[name] = None
        self.sides = list(pictures)
        for side, picture in pictures.items():
            _make_folder(self.folder / side)
            encode(self.folder / side / f"{name}.png", picture)
            if self._grid and index < self._grid.columns * self._grid.rows:
                self._first.setdefault(side, []).append(picture)

    def close(self, evaluation: Evaluation, *, about: Mapping[str, Any]) -> Path:
        """Write the page, and the sheets; returns the path of the page."""
        for side, pictures in self._first.items():
            if self._grid:
                encode(self.folder / f"{side}.png", grid(pictures, self._grid))
        # More columns do not fit beside three pictures.
        shown, names = list(evaluation.pictures)[:4], list(self.names)
        rows = [
            {"name": names[i], "scores": [format_number(evaluation.pictures[n][i]) for n in shown]}
            for i in evaluation.worst
        ]
        values = {
            "title": f"{evaluation.protocol.name} v{evaluation.protocol.version}",
            "about": [(k, v) for k, v in {**about, "hash": evaluation.hash}.items() if k != "evaluated"],
            "heads": ["all pictures", "95 % interval", "upper bound", "mean training picture"],
            "numbers": [
                (
                    name,
                    format_number(n.value),
                    format_interval(n),
                    format_number(n.upper_bound),
                    format_number(n.baseline),
                )
                for name, n in evaluation.numbers.items()
            ],
            "names": shown,
            "sides": self.sides,
            "rows": rows,
            "notes": evaluation.notes,
        }
        page = self.folder / f"{evaluation.protocol.name}.html"
        atomic_io.replace_text(page, render(TEMPLATE, values))
        return page


def format_number(value: float | None) -> str:
    """A number with four significant digits, or four decimals below 1; "-" for none."""
    return "-" if value is None or math.isnan(value) else f"{value:.4g}" if abs(value) >= 1 else f"{value:.4f}"


def format_interval(number: Number) -> str:
    """A number's interval as "LOW to HIGH"; "-" for none."""
    return f"{format_number(number.interval.low)} to {format_number(number.interval.high)}" if number.interval else "-"


def _number(number: Number) -> dict[str, float | bool | str | None]:
    low, high = number.interval or (None, None)
    values = {
        "value": number.value,
        "low": low,
        "high": high,
        "upper_bound": number.upper_bound,
        "baseline": number.baseline,
    }
    return {**{k: json_number(v) for k, v in values.items()}, "higher_is_better": number.higher_is_better}


def _table(evaluation: Evaluation) -> str:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["picture", *evaluation.pictures])
    columns: Sequence[Sequence[float]] = list(evaluation.pictures.values())
    for index, key in enumerate(evaluation.keys):
        # Nine digits hold every float32 exactly; an empty cell: not measured.
        values = (column[index] for column in columns)
        rows.writerow([printable(key), *("" if math.isnan(v) else f"{v:.9g}" for v in values)])
    return out.getvalue()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"{folder}: {error.strerror}", hint="Give an -o folder that can be written.") from None
