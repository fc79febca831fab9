"""metrics.jsonl: every logged number, one JSON object a line."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from imtrans import hookimpl
from imtrans.interfaces import Run, Sample
from imtrans.kit.report.json_number import json_number
from imtrans.kit.report.metric_history import METRICS
from imtrans_observers.buffered_writer import BufferedLog


class MetricsLog:
    """Adds a line for each logged step and each evaluation; with each checkpoint the file is synced to the disk.

    So a run resumed from that checkpoint after a crash of the machine has all lines before it.
    """

    def __init__(self) -> None:
        self._log: BufferedLog | None = None

    @hookimpl
    def imtrans_run_started(self, run: Run) -> None:
        """Open metrics.jsonl."""
        self._log = BufferedLog(run.folder / METRICS)

    @hookimpl
    def imtrans_logged(self, run: Run, step: int, values: Mapping[str, float]) -> None:
        """Add a line of the split "train"."""
        self._log_of(run).add(step, _line(step, "train", values))

    @hookimpl
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:  # noqa: ARG002 - the hook's
        """Add a line of the split "val", if there are metrics."""
        if metrics:
            self._log_of(run).add(step, _line(step, "val", metrics))

    @hookimpl
    def imtrans_checkpoint_saved(self, run: Run, step: int, path: Path) -> None:  # noqa: ARG002 - the hook's
        """Sync the file to the disk."""
        self._log_of(run).sync()

    @hookimpl
    def imtrans_run_finished(self, run: Run, error: BaseException | None) -> None:  # noqa: ARG002 - the hook's
        """Write what still waits."""
        self._log_of(run).close()

    def _log_of(self, run: Run) -> BufferedLog:
        path = run.folder / METRICS
        if self._log is None or self._log.path != path:
            self._log = BufferedLog(path)
        return self._log


def _line(step: int, split: str, values: Mapping[str, float]) -> str:
    numbers = {k: json_number(v) for k, v in values.items()}
    return json.dumps({"step": step, "time": round(time.time(), 3), "split": split, **numbers})
