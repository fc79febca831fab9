"""metrics.jsonl: every logged number, one JSON object a line."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from imtrans import hookimpl
from imtrans.interfaces import Run, Sample
from imtrans.kit.report.metric_history import METRICS
from imtrans_observers.buffered_writer import Lines


class MetricsLog:
    """Adds a line at each logging and each evaluation, and brings them safely to the disk with each checkpoint."""

    def __init__(self) -> None:
        self._lines: Lines | None = None

    @hookimpl
    def imtrans_run_started(self, run: Run) -> None:
        self._lines = Lines(run.folder / METRICS)

    @hookimpl
    def imtrans_logged(self, run: Run, step: int, values: Mapping[str, float]) -> None:
        self._of(run).add(step, _line(step, "train", values))

    @hookimpl
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:  # noqa: ARG002 - the hook's
        if metrics:
            self._of(run).add(step, _line(step, "val", metrics))

    @hookimpl
    def imtrans_checkpoint_saved(self, run: Run, step: int, path: Path) -> None:  # noqa: ARG002 - the hook's
        self._of(run).sync()

    @hookimpl
    def imtrans_run_finished(self, run: Run, error: BaseException | None) -> None:  # noqa: ARG002 - the hook's
        self._of(run).close()

    def _of(self, run: Run) -> Lines:
        path = run.folder / METRICS
        if self._lines is None or self._lines.path != path:
            self._lines = Lines(path)
        return self._lines


def _line(step: int, split: str, values: Mapping[str, float]) -> str:
    """A number that is not finite becomes null: JSON has no other word for it."""
    plain = {k: v if math.isfinite(v) else None for k, v in values.items()}
    return json.dumps({"step": step, "time": round(time.time(), 3), "split": split, **plain})
