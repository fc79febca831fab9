"""report.html: one file to open without a network."""

import base64
import html
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from imtrans import hookimpl
from imtrans.fsio import replace_text
from imtrans.interfaces import Run, Sample

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1d2330;background:#fafbfc;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}p.facts{color:#596275;margin:.2rem 0}
img{max-width:100%;border:1px solid #dde1e8;border-radius:6px;background:#fff}table{border-collapse:collapse;font-size:.9rem}
td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}
.curves{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;background:#fff;border:1px solid #dde1e8;border-radius:6px;padding:.6rem}
figcaption{font-size:.85rem;color:#596275}code{font-size:.85rem}.from{color:#8a93a5}details summary{cursor:pointer}
"""


class Report:
    """Rewrites report.html at each evaluation and at the end."""

    def __init__(self) -> None:
        self._metrics: dict[str, float] = {}

    @hookimpl
    def imtrans_run_started(self, run: Run) -> None:  # noqa: ARG002 - the hook's
        self._metrics = {}

    # Last, so that the sample grid of this step is already there.
    @hookimpl(trylast=True)
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:  # noqa: ARG002 - the hook's
        self._metrics = dict(metrics) or self._metrics
        replace_text(run.folder / "report.html", page(run, step, self._metrics, status="running"))

    @hookimpl
    def imtrans_run_finished(self, run: Run, error: BaseException | None) -> None:
        lines = _log(run.folder)
        step = max((int(line["step"]) for line in lines), default=0)
        status = f"ended early: {error}" if error else "finished"
        replace_text(run.folder / "report.html", page(run, step, self._metrics, status=status))


def page(run: Run, step: int, metrics: Mapping[str, float], *, status: str) -> str:
    """The whole page."""
    facts = "".join(f'<p class="facts">{html.escape(f"{k}: {v}")}</p>' for k, v in run.facts.items())
    parts = [
        f"<h1>{html.escape(run.folder.name)}</h1><p class='facts'>step {step:,} of {run.steps:,}, {html.escape(status)}</p>{facts}",
        _newest_grid(run.folder / "samples"),
        _scores(metrics),
        _curves(_log(run.folder)),
        _configuration(run),
    ]
    head = f"<meta charset='utf-8'><meta name='viewport' content='width=device-width'><title>{html.escape(run.folder.name)}</title>"
    return f"<!doctype html><html lang='en'><head>{head}<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"


def curve(points: Sequence[tuple[int, float]], *, width: int = 420, height: int = 130) -> str:
    """An SVG line through (step, value), scaled to fill its box."""
    steps, values = [p[0] for p in points], [p[1] for p in points]
    low, high = min(values), max(values)
    across, up = max(steps[-1] - steps[0], 1), (high - low) or 1.0
    places = " ".join(f"{(s - steps[0]) / across * width:.1f},{height - (v - low) / up * height:.1f}" for s, v in points)
    line = f'<polyline points="{places}" fill="none" stroke="#2563eb" stroke-width="1.5"/>'
    return f'<svg viewBox="-2 -2 {width + 4} {height + 4}" width="{width}" role="img">{line}</svg>'


def _newest_grid(folder: Path) -> str:
    grids = sorted(folder.glob("step-*.png")) if folder.is_dir() else []
    if not grids:
        return ""
    data = base64.b64encode(grids[-1].read_bytes()).decode()
    caption = f"Samples at {html.escape(grids[-1].stem)}: source | prediction | target"
    return f'<h2>{caption}</h2><img alt="{caption}" src="data:image/png;base64,{data}">'


def _scores(metrics: Mapping[str, float]) -> str:
    own = {k: v for k, v in metrics.items() if not k.endswith("_of_mean_picture")}
    if not own:
        return ""
    rows = "".join(f"<tr><td>{html.escape(k)}</td>{_number(v)}{_number(metrics.get(f'{k}_of_mean_picture'))}</tr>" for k, v in own.items())
    return f"<h2>Validation</h2><table><tr><th></th><th>model</th><th>mean training picture</th></tr>{rows}</table>"


def _number(value: float | None) -> str:
    return f'<td class="n">{"" if value is None else f"{value:.4g}"}</td>'


def _curves(lines: Iterable[Mapping[str, Any]]) -> str:
    found: dict[str, list[tuple[int, float]]] = {}
    for line in lines:
        for name, value in line.items():
            if name not in ("step", "time", "split") and isinstance(value, int | float) and not name.endswith("_of_mean_picture"):
                found.setdefault(f"{name} ({line['split']})", []).append((line["step"], value))
    figures = [_figure(name, points) for name, points in found.items() if len(points) > 1]
    return f'<h2>Curves</h2><div class="curves">{"".join(figures)}</div>' if figures else ""


def _figure(name: str, points: Sequence[tuple[int, float]]) -> str:
    values = [p[1] for p in points]
    told = f"{name}: {values[0]:.3g} to {values[-1]:.3g} (lowest {min(values):.3g}), steps {points[0][0]:,} to {points[-1][0]:,}"
    return f"<figure>{curve(_thinned(points))}<figcaption>{html.escape(told)}</figcaption></figure>"


def _thinned(points: Sequence[tuple[int, float]], most: int = 300) -> list[tuple[int, float]]:
    """Means of equal stretches: a line of ten thousand corners shows nothing more."""
    size = -(-len(points) // most)
    parts = [points[i : i + size] for i in range(0, len(points), size)]
    return [(part[-1][0], sum(v for _, v in part) / len(part)) for part in parts]


def _configuration(run: Run) -> str:
    rows = "".join(
        f"<tr><td><code>{html.escape(k)}</code></td><td><code>{html.escape(str(v))}</code></td><td class='from'>{html.escape(o)}</td></tr>"
        for k, v, o in run.config.rows()
    )
    return f"<h2>Configuration</h2><details><summary>Every value and where it comes from</summary><table>{rows}</table></details>"


def _log(folder: Path) -> list[dict[str, Any]]:
    path = folder / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
