"""report.html: the state of a run as one file that opens without a network."""

import base64
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imtrans import hookimpl
from imtrans.atomic_io import read_json, replace_text
from imtrans.interfaces import Run, Sample
from imtrans.kit.report import html_report
from imtrans.kit.report import samples as sample_files
from imtrans.kit.report.metric_history import BASELINE, ON_TRAINING, REFERENCES
from imtrans.kit.report.samples import SampleGrid
from imtrans_observers import explanations, timelapse
from imtrans_observers.buffered_writer import Throttle, Writer
from imtrans_observers.curves import curves
from imtrans_observers.diagnosis.run_diagnostics import Diagnostics
from imtrans_observers.samples import grid_of_worst, split_samples

NAME = "report.html"
TEMPLATE = Path(__file__).with_name("report.html.j2")
SECONDS_BETWEEN_PAGES = 20.0
LARGEST_TIMELAPSE = 500_000  # bytes; a larger one is linked: the page stays below 3 MB


class Report:
    """Rewrites report.html after log lines and evaluations, every 20 s at most, and at the end."""

    def __init__(self) -> None:
        self._diagnostics, self._write, self._throttle = Diagnostics(), Writer(), Throttle(SECONDS_BETWEEN_PAGES)
        self._pictures = Pictures()

    @hookimpl
    def imtrans_run_started(self, run: Run) -> None:
        """Begin with what earlier processes of the run left."""
        self._diagnostics, self._write = Diagnostics.of(run), Writer()
        self._throttle = Throttle(SECONDS_BETWEEN_PAGES)
        self._pictures = Pictures.of(run)

    @hookimpl
    def imtrans_logged(self, run: Run, step: int, values: Mapping[str, float]) -> None:
        """Rewrite the page, if that is due and there are samples to show."""
        self._diagnostics.logged(step, values)
        self._pictures.cut(step)
        if self._throttle.is_due and self._pictures.fixed:
            self._write_page(run, step, "running")

    @hookimpl
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:
        """Take the new samples, and rewrite the page, if that is due."""
        self._diagnostics.evaluated(step, metrics, samples)
        self._pictures.take(run, step, samples)
        if self._throttle.is_due:
            self._write_page(run, step, "running")

    @hookimpl
    def imtrans_run_finished(self, run: Run, error: BaseException | None) -> None:
        """Write the final page."""
        self._write(lambda: timelapse.refresh(run.folder))
        status = f"ended early: {str(error) or type(error).__name__}" if error is not None else "finished"
        self._write_page(run, self._diagnostics.history.step, status)

    def _write_page(self, run: Run, step: int, status: str) -> None:
        with self._throttle.measured():
            text = page(run, step, diagnostics=self._diagnostics, pictures=self._pictures, status=status)
            self._write(lambda: replace_text(run.folder / NAME, text))


class Pictures:
    """The newest fixed samples and the worst ones; each grid is encoded for the page once."""

    def __init__(self) -> None:
        self.fixed: SampleGrid | None = None
        self.worst: SampleGrid | None = None
        self._encoded: dict[tuple[bool, int], dict[str, Any]] = {}

    @classmethod
    def of(cls, run: Run) -> "Pictures":
        """What earlier processes of the run left."""
        pictures = cls()
        paths = [p for step, p in sample_files.grids(run.folder).items() if step <= run.start] if run.start else []
        # An unreadable grid is skipped: a page with older samples is better than none.
        pictures.fixed = next((grid for path in reversed(paths) if (grid := sample_files.load(path))), None)
        worst = sample_files.load(run.folder / sample_files.FOLDER / sample_files.WORST) if run.start else None
        pictures.worst = worst if worst and worst.step <= run.start else None
        return pictures

    def take(self, run: Run, step: int, samples: Sequence[Sample]) -> None:
        """Replace the samples by those of a newer evaluation; what it does not have stays as it is."""
        fixed, worst = split_samples(samples)
        self.fixed = SampleGrid(step=step, samples=fixed) if fixed else self.fixed
        self.worst = grid_of_worst(run, step, worst) if worst else self.worst
        self.cut(step)

    def cut(self, step: int) -> None:
        """Drop samples of later steps, after the run was rolled back."""
        self.fixed = self.fixed if self.fixed and self.fixed.step <= step else None
        self.worst = self.worst if self.worst and self.worst.step <= step else None

    def encoded(self, grid: SampleGrid | None) -> dict[str, Any] | None:
        """The samples as the template wants them; fixed and worst samples may each fill half of the page's room."""
        if grid is None:
            return None
        key = (grid is self.worst, grid.step)
        if key not in self._encoded:
            # Only the newest grid of each kind: a long run makes hundreds.
            self._encoded = {k: v for k, v in self._encoded.items() if k[0] != key[0]} | {key: _encoded(grid)}
        return self._encoded[key]


def page(run: Run, step: int, *, diagnostics: Diagnostics, pictures: Pictures, status: str) -> str:
    """The HTML of the whole page."""
    history = diagnostics.history
    metrics = history.last("val")
    scored_at = max((history.column(n, "val").steps[-1] for n in metrics), default=0)
    return html_report.render(
        TEMPLATE,
        {
            "name": run.folder.name,
            "step": step,
            "steps": run.steps,
            "share": min(100, 100 * step // max(run.steps, 1)),
            "status": status,
            "written": time.strftime("%Y-%m-%d %H:%M:%S"),
            "diagnosis": diagnostics.diagnosis(),
            "commands": list(explanations.commands(run)),
            "meanings": list(explanations.meanings(run, history)),
            "samples": pictures.encoded(pictures.fixed),
            "worst": pictures.encoded(pictures.worst),
            "scores": [
                (k, f"{v:.4g}", _reference(metrics, k + ON_TRAINING), _reference(metrics, k + BASELINE))
                for k, v in metrics.items()
                if not k.endswith(REFERENCES)
            ],
            "scored_at": scored_at,
            "charts": html_report.charts_of(curves(history)),
            "film": _timelapse(run.folder),
            "facts": list(run.facts.items()),
            "resumes": read_json(run.folder / "run.json").get("resumes", []),
            "rows": list(run.config.rows()),
            "environment": _environment(run.folder),
        },
    )


def _encoded(grid: SampleGrid) -> dict[str, Any]:
    panels = [panel for s in grid.samples for panel in s.panels]
    images = iter(html_report.embedded(panels, max_characters=html_report.MAX_CHARACTERS // 2))
    pairs = [
        {
            "key": s.key,
            "scores": [(k, f"{v:.4g}") for k, v in s.scores.items()],
            "source": next(images),
            "prediction": next(images),
            "target": next(images) if s.target is not None else None,
            "others": [(name, next(images)) for name in s.others],
        }
        for s in grid.samples
    ]
    return {"step": grid.step, "by": grid.by, "higher": grid.higher_is_better, "pairs": pairs}


def _reference(metrics: Mapping[str, float], name: str) -> str:
    value = metrics.get(name)
    return "" if value is None else f"{value:.4g}"


def _timelapse(folder: Path) -> str:
    path = folder / sample_files.FOLDER / timelapse.NAME
    try:
        if path.stat().st_size > LARGEST_TIMELAPSE:
            return f"{sample_files.FOLDER}/{timelapse.NAME}"
        return f"data:image/webp;base64,{base64.b64encode(path.read_bytes()).decode()}"
    except OSError:
        return ""


def _environment(folder: Path) -> list[tuple[str, str]]:
    return [(key, _plain(value)) for key, value in read_json(folder / "env.json").items()]


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k}={v}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
