"""report.html: one file to open without a network."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from imtrans import hookimpl
from imtrans.fsio import replace_text
from imtrans.interfaces import Run, Sample
from imtrans_observers.samples import encoded, grid

BESIDE = "_of_mean_picture"
MOST_POINTS = 300


class Grid(NamedTuple):
    """The newest sample grid: its step, and its PNG in base64."""

    step: int
    data: str


class Report:
    """Rewrites report.html at each evaluation and at the end."""

    def __init__(self) -> None:
        self._metrics: dict[str, float] = {}
        self._grid: Grid | None = None

    @hookimpl
    def imtrans_run_started(self, run: Run) -> None:  # noqa: ARG002 - the hook's
        self._metrics, self._grid = {}, None

    @hookimpl
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:
        self._metrics = dict(metrics) or self._metrics
        self._grid = Grid(step, encoded(grid(samples))) if samples else self._grid
        replace_text(run.folder / "report.html", self._page(run, step, "running"))

    @hookimpl
    def imtrans_run_finished(self, run: Run, error: BaseException | None) -> None:
        step = max((int(line["step"]) for line in _log(run.folder)), default=0)
        status = f"ended early: {error}" if error else "finished"
        replace_text(run.folder / "report.html", self._page(run, step, status))

    def _page(self, run: Run, step: int, status: str) -> str:
        return page(run, step, metrics=self._metrics, samples=self._grid, status=status)


def page(run: Run, step: int, *, metrics: Mapping[str, float], samples: Grid | None, status: str) -> str:
    """The whole page."""
    import jinja2

    template = jinja2.Environment(autoescape=True).from_string(
        Path(__file__).with_suffix(".html.j2").read_text("utf-8")
    )
    return template.render(
        name=run.folder.name,
        step=step,
        steps=run.steps,
        status=status,
        facts=run.facts,
        samples=samples,
        scores=[(k, f"{v:.4g}", _beside(metrics, k)) for k, v in metrics.items() if not k.endswith(BESIDE)],
        curves=list(_curves(_log(run.folder))),
        rows=list(run.config.rows()),
    )


def line_through(points: Sequence[tuple[int, float]], *, width: int = 420, height: int = 130) -> str:
    """The corners of an SVG line through (step, value), scaled to fill its box."""
    steps, values = [p[0] for p in points], [p[1] for p in points]
    low, high = min(values), max(values)
    across, up = max(steps[-1] - steps[0], 1), (high - low) or 1.0
    return " ".join(f"{(s - steps[0]) / across * width:.1f},{height - (v - low) / up * height:.1f}" for s, v in points)


def _beside(metrics: Mapping[str, float], name: str) -> str:
    value = metrics.get(name + BESIDE)
    return "" if value is None else f"{value:.4g}"


def _curves(lines: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, str]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for line in lines:
        for name, value in line.items():
            is_number = isinstance(value, int | float) and name not in ("step", "time") and not name.endswith(BESIDE)
            if is_number:
                found.setdefault(f"{name} ({line['split']})", []).append((line["step"], value))
    for name, points in found.items():
        if len(points) > 1:
            yield {"points": line_through(_thinned(points)), "caption": _caption(name, points)}


def _caption(name: str, points: Sequence[tuple[int, float]]) -> str:
    values = [p[1] for p in points]
    low = f"(lowest {min(values):.3g})"
    return f"{name}: {values[0]:.3g} to {values[-1]:.3g} {low}, steps {points[0][0]:,} to {points[-1][0]:,}"


def _thinned(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Means of equal stretches: a line of ten thousand corners shows nothing more."""
    size = -(-len(points) // MOST_POINTS)
    parts = [points[i : i + size] for i in range(0, len(points), size)]
    return [(part[-1][0], sum(v for _, v in part) / len(part)) for part in parts]


def _log(folder: Path) -> list[dict[str, Any]]:
    path = folder / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
