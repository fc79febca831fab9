"""The same numbers and images as an event file for TensorBoard."""

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

from imtrans import hookimpl
from imtrans.errors import NotInstalledError
from imtrans.interfaces import Run, Sample
from imtrans.kit.report.metric_history import HEALTH, REFERENCES
from imtrans_observers.samples import split_samples

FOLDER = "tensorboard"


class TensorBoardObserver:
    """Writes tensorboard/ in the run folder. NotInstalledError without the package."""

    def __init__(self) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            raise NotInstalledError(
                "observer 'tensorboard': tensorboard is not installed",
                hint='Install it: python -m pip install "imtrans[tensorboard]"',
            )
        self._writer: Any = None
        self._step = 0

    @hookimpl
    def imtrans_run_started(self, run: Run) -> None:
        """Open an event file."""
        self._open(run, run.start)

    @hookimpl
    def imtrans_logged(self, run: Run, step: int, values: Mapping[str, float]) -> None:
        """Add the losses and the health values."""
        self._reopen_after_rollback(run, step)
        for name, value in values.items() if self._writer else ():
            self._writer.add_scalar(tag_of(name), value, step)

    @hookimpl
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:
        """Add metrics and sample images; the mean-image baseline of a metric is left out."""
        self._reopen_after_rollback(run, step)
        if self._writer:
            for name, value in metrics.items():
                if not name.endswith(REFERENCES):
                    self._writer.add_scalar(f"val/{name}", value, step)
            from imtrans.kit.report.image_grid import sheet

            for name, group in zip(("samples", "worst"), split_samples(samples), strict=True):
                if group:
                    rows = [s.panels for s in group]
                    self._writer.add_image(name, sheet(rows), step, dataformats="HWC")

    @hookimpl
    def imtrans_run_finished(self, run: Run, error: BaseException | None) -> None:  # noqa: ARG002 - the hook's
        """Close the event file."""
        if self._writer:
            self._writer.close()
            self._writer = None

    def _reopen_after_rollback(self, run: Run, step: int) -> None:
        """Open a new file where the run was rolled back: its `purge_step` makes TensorBoard hide the later steps."""
        if self._writer and step < self._step:
            self._writer.close()
            self._open(run, step - 1)
        self._step = step

    def _open(self, run: Run, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # optional

        untyped: Any = SummaryWriter  # its constructor has no annotations
        self._writer = untyped(str(run.folder / FOLDER), purge_step=step + 1)
        self._step = step


def tag_of(name: str) -> str:
    """A logged number's name in a tracker: losses and health values stand apart."""
    return f"health/{name.removeprefix(HEALTH)}" if name.startswith(HEALTH) else f"train/{name}"
