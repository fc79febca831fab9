"""An evaluation on the disk: its numbers with their protocol, a table of all pictures, and a page to look at them."""

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
from imtrans.kit.images.encode import encode
from imtrans.kit.images.image_grid import Array, Grid, grid
from imtrans.kit.report.html_report import render

FOLDER = "evaluation"
TEMPLATE = Path(__file__).with_name("eval_report.html.j2")


def write(base: Path, name: str, judged: Evaluation, *, about: Mapping[str, Any]) -> Path:
    """Write `base`/PROTOCOL-vN-HASH/NAME.json and NAME.csv; gives the path of the table."""
    folder = base / f"{judged.protocol.name}-v{judged.protocol.version}-{judged.hash}"
    _make(folder)
    atomic_io.replace_json(folder / f"{name}.json", record(judged, about=about))
    table = folder / f"{name}.csv"
    atomic_io.replace_text(table, _table(judged))
    return table


def record(judged: Evaluation, *, about: Mapping[str, Any]) -> dict[str, Any]:
    """An evaluation for machines: numbers, and beside them all that they mean."""
    return {
        **about,
        "protocol": judged.protocol.name,
        "version": judged.protocol.version,
        "hash": judged.hash,
        "pictures": len(judged.keys),
        "numbers": {name: _number(n) for name, n in judged.numbers.items()},
        "choices": judged.choices,
        "notes": list(judged.notes),
        "imtrans": imtrans.__version__,
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
    }


class ImagePage:
    """The pictures of an evaluation in folders of their own, and a page that shows them, worst first.

    `prediction` and `target` can be evaluated again as two folders. With a `grid` the first pictures of each side are
    also one sheet: prediction.png, target.png, source.png.
    """

    def __init__(self, folder: Path, *, grid: Grid | None = None) -> None:
        self._grid, self._first = grid, dict[str, list[Array]]()
        self.folder, self.names = folder, dict[str, None]()
        self.sides: list[str] = []
        _make(folder)

    def take(self, index: int, case: EvalSample) -> None:
        pictures = case.pictures()
        name = re.sub(r"[^\w.-]+", "_", case.batch.keys[0]) or "picture"
        name = f"{name}-{index}" if name in self.names else name
        self.names[name] = None
        self.sides = list(pictures)
        for side, picture in pictures.items():
            _make(self.folder / side)
            encode(self.folder / side / f"{name}.png", picture)
            if self._grid and index < self._grid.columns * self._grid.rows:
                self._first.setdefault(side, []).append(picture)

    def close(self, judged: Evaluation, *, about: Mapping[str, Any]) -> Path:
        """Write the page, and the sheets; gives the path of the page."""
        for side, pictures in self._first.items():
            if self._grid:
                encode(self.folder / f"{side}.png", grid(pictures, self._grid))
        shown, names = list(judged.pictures)[:4], list(self.names)
        rows = [
            {"name": names[i], "scores": [format_number(judged.pictures[n][i]) for n in shown]} for i in judged.worst
        ]
        values = {
            "title": f"{judged.protocol.name} v{judged.protocol.version}",
            "about": [(k, v) for k, v in {**about, "hash": judged.hash}.items() if k != "judged"],
            "numbers": [(name, format_number(n.value), format_interval(n)) for name, n in judged.numbers.items()],
            "names": shown,
            "sides": self.sides,
            "rows": rows,
            "notes": judged.notes,
        }
        page = self.folder / f"{judged.protocol.name}.html"
        atomic_io.replace_text(page, render(TEMPLATE, values))
        return page


def format_number(value: float | None) -> str:
    """A number as people read it."""
    return "-" if value is None or math.isnan(value) else f"{value:.4g}" if abs(value) >= 1 else f"{value:.4f}"


def format_interval(number: Number) -> str:
    """A number's interval as people read it."""
    return f"{format_number(number.interval.low)} to {format_number(number.interval.high)}" if number.interval else "-"


def _number(number: Number) -> dict[str, float | bool | None]:
    low, high = number.interval or (None, None)
    told = {"value": number.value, "low": low, "high": high, "ceiling": number.ceiling, "baseline": number.baseline}
    finite = {k: v if v is not None and math.isfinite(v) else None for k, v in told.items()}
    return {**finite, "higher_is_better": number.higher_is_better}


def _table(judged: Evaluation) -> str:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["picture", *judged.pictures])
    columns: Sequence[Sequence[float]] = list(judged.pictures.values())
    for index, key in enumerate(judged.keys):
        rows.writerow([printable(key), *(f"{column[index]:.9g}" for column in columns)])
    return out.getvalue()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(f"{folder}: {error.strerror}", hint="Give an -o folder that can be written.") from None
