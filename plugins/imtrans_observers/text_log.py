"""log.txt, the events of a run in words; and summary.json, its facts and diagnosis, for other programs."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from imtrans import hookimpl
from imtrans.atomic_io import replace_json
from imtrans.errors import printable
from imtrans.interfaces import Run, Sample
from imtrans_observers.buffered_writer import BufferedLog, Writer
from imtrans_observers.console import losses, model_scores
from imtrans_observers.diagnosis import Diagnosis
from imtrans_observers.diagnosis.run_diagnostics import Diagnostics

LOG, SUMMARY = "log.txt", "summary.json"
SECONDS_BETWEEN_LINES = 60.0


class TextLog:
    """Writes log.txt and summary.json."""

    def __init__(self) -> None:
        self._diagnostics, self._write = Diagnostics(), Writer()
        self._log: BufferedLog | None = None
        self._last_line, self._diagnosis_name = 0.0, ""

    @hookimpl
    def imtrans_run_started(self, run: Run) -> None:
        """Write the facts of the run."""
        self._log, self._diagnostics, self._write = BufferedLog(run.folder / LOG), Diagnostics.of(run), Writer()
        self._last_line, self._diagnosis_name = 0.0, ""
        for name, fact in run.facts.items():
            self._note(run, run.start, f"{name}: {fact}")
        self._note(run, run.start, f"training from step {run.start:,} to {run.steps:,}")

    @hookimpl
    def imtrans_logged(self, run: Run, step: int, values: Mapping[str, float]) -> None:
        """Write the losses and the summary: every 60 s, and for the last step."""
        self._diagnostics.logged(step, values)
        if time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES or step == run.steps:
            self._last_line = time.monotonic()
            self._note(run, step, losses(values))
            self._summarise(run, step)

    @hookimpl
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:
        """Write the metrics and the summary."""
        self._diagnostics.evaluated(step, metrics, samples)
        if scores := model_scores(metrics):
            self._note(run, step, f"validation {scores}")
        self._summarise(run, step)

    @hookimpl
    def imtrans_checkpoint_saved(self, run: Run, step: int, path: Path) -> None:
        """Write which checkpoint was saved."""
        self._note(run, step, f"saved {path.name}")

    @hookimpl
    def imtrans_run_finished(self, run: Run, error: BaseException | None) -> None:
        """Write the last summary, and how the run ended."""
        step = self._diagnostics.history.step
        self._summarise(run, step)
        self._note(run, step, _end(error))
        if self._log:
            self._log.close()

    def _summarise(self, run: Run, step: int) -> None:
        diagnosis = self._diagnostics.diagnosis()
        # By name, not by line: the figures change each time, and log.txt is for events.
        if diagnosis.name != self._diagnosis_name:
            self._diagnosis_name = diagnosis.name
            self._note(run, step, f"verdict: {diagnosis.line}")
        self._write(lambda: _write_summary(run, step, diagnosis))

    def _note(self, run: Run, step: int, text: str) -> None:
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._log = self._log or BufferedLog(run.folder / LOG)
        # One line for each event: a message from outside may hold line breaks and terminal codes.
        self._log.add(step, f"{moment}  step {step:,}  {' '.join(printable(text).split())}")


def _end(error: BaseException | None) -> str:
    return f"ended early: {str(error) or type(error).__name__}" if error is not None else "finished"


def _write_summary(run: Run, step: int, diagnosis: Diagnosis) -> None:
    summary = {"step": step, "steps": run.steps, "facts": dict(run.facts), "verdict": asdict(diagnosis)}
    replace_json(run.folder / SUMMARY, summary)
