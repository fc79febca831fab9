"""log.txt, what happened when, in words; and summary.json, what a run is and how it does, for whoever reads it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from imtrans import hookimpl
from imtrans.atomic_io import replace_json
from imtrans.errors import printable
from imtrans.interfaces import Run, Sample
from imtrans.kit.report.metric_history import BESIDE
from imtrans_observers.buffered_writer import Lines, Writer
from imtrans_observers.console import losses
from imtrans_observers.diagnostics import Coach, Diagnosis

LOG, SUMMARY = "log.txt", "summary.json"
SECONDS_BETWEEN_LINES = 60.0


class Notes:
    """Keeps log.txt and summary.json."""

    def __init__(self) -> None:
        self._coach, self._write = Coach(), Writer()
        self._lines: Lines | None = None
        self._told, self._verdict = 0.0, ""

    @hookimpl
    def imtrans_run_started(self, run: Run) -> None:
        self._lines, self._coach, self._write = Lines(run.folder / LOG), Coach.of(run), Writer()
        self._told, self._verdict = 0.0, ""
        for name, fact in run.facts.items():
            self._note(run, run.start, f"{name}: {fact}")
        self._note(run, run.start, f"training from step {run.start:,} to {run.steps:,}")

    @hookimpl
    def imtrans_logged(self, run: Run, step: int, values: Mapping[str, float]) -> None:
        self._coach.logged(step, values)
        if time.monotonic() - self._told > SECONDS_BETWEEN_LINES or step == run.steps:
            self._told = time.monotonic()
            self._note(run, step, losses(values))
            self._judge(run, step)

    @hookimpl
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:
        self._coach.evaluated(step, metrics, samples)
        own = "  ".join(f"{k} {v:.4g}" for k, v in metrics.items() if not k.endswith(BESIDE))
        if own:
            self._note(run, step, f"validation {own}")
        self._judge(run, step)

    @hookimpl
    def imtrans_checkpoint_saved(self, run: Run, step: int, path: Path) -> None:
        self._note(run, step, f"saved {path.name}")

    @hookimpl
    def imtrans_run_finished(self, run: Run, error: BaseException | None) -> None:
        step = self._coach.past.step
        self._judge(run, step)
        self._note(run, step, _end(error))
        if self._lines:
            self._lines.close()

    def _judge(self, run: Run, step: int) -> None:
        verdict = self._coach.verdict()
        if verdict.name != self._verdict:
            self._verdict = verdict.name
            self._note(run, step, f"verdict: {verdict.line}")
        self._write(lambda: _put(run, step, verdict))

    def _note(self, run: Run, step: int, text: str) -> None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._lines = self._lines or Lines(run.folder / LOG)
        self._lines.add(step, f"{moment}  step {step:,}  {' '.join(printable(text).split())}")


def _end(error: BaseException | None) -> str:
    return f"ended early: {str(error) or type(error).__name__}" if error is not None else "finished"


def _put(run: Run, step: int, verdict: Diagnosis) -> None:
    told = {"step": step, "steps": run.steps, "facts": dict(run.facts), "verdict": asdict(verdict)}
    replace_json(run.folder / SUMMARY, told)
