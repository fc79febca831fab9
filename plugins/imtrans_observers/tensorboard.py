"""The same numbers and pictures for TensorBoard, where somebody asks for it."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from imtrans import hookimpl
from imtrans.interfaces import Run, Sample
from imtrans.kit.report.metric_history import BESIDE, HEALTH
from imtrans_observers.buffered_writer import warn
from imtrans_observers.samples import parted

ASKED = "IMTRANS_TENSORBOARD"
FOLDER = "tensorboard"


class Board:
    """Writes tensorboard/ in the run folder where IMTRANS_TENSORBOARD=1; silent otherwise."""

    def __init__(self) -> None:
        self._writer: Any = None
        self._step = 0

    @hookimpl
    def imtrans_run_started(self, run: Run) -> None:
        self._writer = None
        if os.environ.get(ASKED, "") not in ("", "0"):
            self._open(run, run.start)

    @hookimpl
    def imtrans_logged(self, run: Run, step: int, values: Mapping[str, float]) -> None:
        self._follow(run, step)
        for name, value in values.items() if self._writer else ():
            is_health = name.startswith(HEALTH)
            tag = f"health/{name.removeprefix(HEALTH)}" if is_health else f"train/{name}"
            self._writer.add_scalar(tag, value, step)

    @hookimpl
    def imtrans_evaluated(self, run: Run, step: int, metrics: Mapping[str, float], samples: Sequence[Sample]) -> None:
        self._follow(run, step)
        if self._writer:
            for name, value in metrics.items():
                if not name.endswith(BESIDE):
                    self._writer.add_scalar(f"val/{name}", value, step)
            from imtrans.kit.images.image_grid import sheet

            for name, shown in zip(("samples", "worst"), parted(samples), strict=True):
                if shown:
                    rows = [[p for p in (s.source, s.prediction, s.target) if p is not None] for s in shown]
                    self._writer.add_image(name, sheet(rows), step, dataformats="HWC")

    @hookimpl
    def imtrans_run_finished(self, run: Run, error: BaseException | None) -> None:  # noqa: ARG002 - the hook's
        if self._writer:
            self._writer.close()
            self._writer = None

    def _follow(self, run: Run, step: int) -> None:
        """Begin anew where the run has gone back: TensorBoard then hides what came after."""
        if self._writer and step < self._step:
            self._writer.close()
            self._open(run, step - 1)
        self._step = step

    def _open(self, run: Run, step: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            warn(f'{ASKED} is set, but tensorboard is not installed: python -m pip install "imtrans[tensorboard]"')
            return
        make: Any = SummaryWriter
        self._writer = make(str(run.folder / FOLDER), purge_step=step + 1)
        self._step = step
