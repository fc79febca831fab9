"""metrics.jsonl: every logged number, one JSON object a line."""

import json
import math
import time
from collections.abc import Mapping, Sequence

from imtrans import hookimpl
from imtrans.fsio import append_text
from imtrans.interfaces import Run, Sample


class MetricsLog:
    @hookimpl
    def imtrans_logged(self, run: Run, step: int, values: Mapping[str, float]) -> None:
        _write(run, step, "train", values)

    @hookimpl
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:  # noqa: ARG002 - the hook's
        if metrics:
            _write(run, step, "val", metrics)


def _write(run: Run, step: int, split: str, values: Mapping[str, float]) -> None:
    """A number that is not finite becomes null: JSON has no other word for it."""
    plain = {k: v if math.isfinite(v) else None for k, v in values.items()}
    line = {"step": step, "time": round(time.time(), 3), "split": split, **plain}
    append_text(run.folder / "metrics.jsonl", json.dumps(line) + "\n")
