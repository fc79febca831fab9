"""Means of what a method logs, and the share of time spent waiting for data."""

import math
import time
from collections.abc import Mapping

import torch
from torch import Tensor

from imtrans.engine.checkpoints.state import Progress
from imtrans.engine.distributed import ProcessGroup
from imtrans.kit.report.metric_history import HEALTH


class LossMeter:
    """Means over the pictures since the last reading, summed up on the device: adding does not wait for it."""

    def __init__(self, progress: Progress, world: ProcessGroup) -> None:
        self.progress, self.world = progress, world
        self._began, self._waited = time.monotonic(), 0.0

    def add(self, values: Mapping[str, Tensor], pictures: float) -> None:
        """Take scalars that are means over so many pictures of this process."""
        sums = self.progress.sums
        for name, value in values.items():
            scalar = value.detach().float()  # half floats would lose what is added to a large sum
            sums[name] = sums.get(name, torch.zeros_like(scalar)) + scalar * pictures

    def read(self, *, waited: float) -> dict[str, float]:
        """The means since the last reading, and the share of time spent waiting for data (`waited`: seconds in all)."""
        sums, now = self.progress.sums, time.monotonic()
        self.world.sum(list(sums.values()))
        values = {name: float(total) / self.progress.since for name, total in sums.items()}
        share = (waited - self._waited) / max(now - self._began, 1e-9)
        self.progress.sums, self.progress.since = {}, 0.0
        self._began, self._waited = now, waited
        return {**values, f"{HEALTH}waiting": min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0}
