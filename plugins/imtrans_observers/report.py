"""report.html: one file to open without a network."""

import base64
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imtrans import hookimpl
from imtrans.atomic_io import replace_text
from imtrans.interfaces import Run, Sample
from imtrans.kit.report import html_report as pages
from imtrans.kit.report import samples as shelf
from imtrans.kit.report.metric_history import BESIDE
from imtrans.kit.report.samples import SampleGrid
from imtrans_observers import timelapse
from imtrans_observers.buffered_writer import Pace, Writer
from imtrans_observers.curves import curves
from imtrans_observers.diagnostics import Coach
from imtrans_observers.samples import chosen_by, parted

NAME = "report.html"
TEMPLATE = Path(__file__).with_name("report.html.j2")
SECONDS_BETWEEN_PAGES = 20.0
LARGEST_FILM = 500_000  # bytes; a larger one is linked: the page stays below 3 MB


class Report:
    """Rewrites report.html after evaluations and samples, every 20 s at most, and at the end."""

    def __init__(self) -> None:
        self._coach, self._write, self._pace = Coach(), Writer(), Pace(SECONDS_BETWEEN_PAGES)
        self._pictures = Pictures()

    @hookimpl
    def imtrans_run_started(self, run: Run) -> None:
        self._coach, self._write, self._pace = Coach.of(run), Writer(), Pace(SECONDS_BETWEEN_PAGES)
        self._pictures = Pictures.of(run)

    @hookimpl
    def imtrans_logged(self, run: Run, step: int, values: Mapping[str, float]) -> None:
        self._coach.logged(step, values)
        self._pictures.cut(step)
        if self._pace.is_due and self._pictures.usual:
            self._put(run, step, "running")

    @hookimpl
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:
        self._coach.evaluated(step, metrics, samples)
        self._pictures.take(run, step, samples)
        if self._pace.is_due:
            self._put(run, step, "running")

    @hookimpl
    def imtrans_run_finished(self, run: Run, error: BaseException | None) -> None:
        self._write(lambda: timelapse.refresh(run.folder))
        status = f"ended early: {str(error) or type(error).__name__}" if error is not None else "finished"
        self._put(run, self._coach.past.step, status)

    def _put(self, run: Run, step: int, status: str) -> None:
        with self._pace.measured():
            text = page(run, step, coach=self._coach, pictures=self._pictures, status=status)
            self._write(lambda: replace_text(run.folder / NAME, text))


class Pictures:
    """The newest samples and the worst pictures, made ready for a page once."""

    def __init__(self) -> None:
        self.usual: SampleGrid | None = None
        self.worst: SampleGrid | None = None
        self._made: dict[tuple[bool, int], dict[str, Any]] = {}

    @classmethod
    def of(cls, run: Run) -> "Pictures":
        """What earlier processes of the run left."""
        found = cls()
        paths = [p for step, p in shelf.grids(run.folder).items() if step <= run.start] if run.start else []
        found.usual = next((s for path in reversed(paths) if (s := shelf.load(path))), None)
        worst = shelf.load(run.folder / shelf.FOLDER / shelf.WORST) if run.start else None
        found.worst = worst if worst and worst.step <= run.start else None
        return found

    def take(self, run: Run, step: int, samples: Sequence[Sample]) -> None:
        usual, worst = parted(samples)
        self.usual = SampleGrid(step=step, samples=usual) if usual else self.usual
        self.worst = chosen_by(run, step, worst) if worst else self.worst
        self.cut(step)

    def cut(self, step: int) -> None:
        """Forget what a run that went back has not made yet."""
        self.usual = self.usual if self.usual and self.usual.step <= step else None
        self.worst = self.worst if self.worst and self.worst.step <= step else None

    def ready(self, shown: SampleGrid | None) -> dict[str, Any] | None:
        """The samples as the page takes them; each half of the page's pictures may fill half of its room."""
        if shown is None:
            return None
        key = (shown is self.worst, shown.step)
        if key not in self._made:
            self._made = {k: v for k, v in self._made.items() if k[0] != key[0]} | {key: _ready(shown)}
        return self._made[key]


def page(run: Run, step: int, *, coach: Coach, pictures: Pictures, status: str) -> str:
    """The whole page."""
    metrics = coach.past.last("val")
    scored = max((coach.past.column(n, "val").steps[-1] for n in metrics), default=0)
    return pages.render(
        TEMPLATE,
        {
            "name": run.folder.name,
            "step": step,
            "steps": run.steps,
            "share": min(100, 100 * step // max(run.steps, 1)),
            "status": status,
            "written": time.strftime("%Y-%m-%d %H:%M:%S"),
            "judgement": coach.verdict(),
            "samples": pictures.ready(pictures.usual),
            "worst": pictures.ready(pictures.worst),
            "scores": [(k, f"{v:.4g}", _beside(metrics, k)) for k, v in metrics.items() if not k.endswith(BESIDE)],
            "scored_at": scored,
            "charts": pages.charts_of(curves(coach.past)),
            "film": _film(run.folder),
            "facts": list(run.facts.items()),
            "resumes": _json(run.folder / "run.json").get("resumes", []),
            "rows": list(run.config.rows()),
            "environment": _environment(run.folder),
        },
    )


def _ready(shown: SampleGrid) -> dict[str, Any]:
    panels = [p for s in shown.samples for p in (s.source, s.prediction, s.target) if p is not None]
    made = iter(pages.embedded(panels, room=pages.ROOM // 2))
    pairs = [
        {
            "key": s.key,
            "scores": [(k, f"{v:.4g}") for k, v in s.scores.items()],
            "source": next(made),
            "prediction": next(made),
            "target": next(made) if s.target is not None else None,
        }
        for s in shown.samples
    ]
    return {"step": shown.step, "by": shown.by, "higher": shown.higher_is_better, "pairs": pairs}


def _beside(metrics: Mapping[str, float], name: str) -> str:
    value = metrics.get(name + BESIDE)
    return "" if value is None else f"{value:.4g}"


def _film(folder: Path) -> str:
    path = folder / shelf.FOLDER / timelapse.NAME
    try:
        if path.stat().st_size > LARGEST_FILM:
            return f"{shelf.FOLDER}/{timelapse.NAME}"
        return f"data:image/webp;base64,{base64.b64encode(path.read_bytes()).decode()}"
    except OSError:
        return ""


def _environment(folder: Path) -> list[tuple[str, str]]:
    told = _json(folder / "env.json")
    return [(key, _plain(value)) for key, value in told.items()]


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k}={v}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _json(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
