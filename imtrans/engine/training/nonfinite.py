"""The guard against NaN and infinity in training."""

import sys
from collections import deque
from dataclasses import dataclass, field

import torch
from torch import Tensor

from imtrans.engine.data.sampler import SampleIndex
from imtrans.engine.optim.optimizer_step import OptimizerStep

MAX_IN_ROW = 5  # a spike may last a few steps; after five in a row the weights themselves are to blame
WINDOW, MAX_IN_WINDOW = 1000, 10  # more than 1 % of steps left out is another training than was asked for
LEAST_SCALE = 2.0**-14  # fp16: below this even the largest half number would not overflow; the loss itself does


class NonFiniteError(Exception):
    """Steps are no longer finite: which groups, at which step, and the samples of that step.

    Not yet the end of a run: the loop goes back to a checkpoint first.
    """

    def __init__(self, what: str, step: int, indices: list[SampleIndex]) -> None:
        super().__init__(what)
        self.what, self.step, self.indices = what, step, indices


@dataclass(kw_only=True)
class NonFiniteGuard:
    """Reads the updater's faults: each step on the CPU, every `every` steps elsewhere, so that a GPU is not stalled."""

    update: OptimizerStep
    every: int
    skipped: int = 0
    _pending: list[tuple[int, list[SampleIndex], list[str], Tensor]] = field(default_factory=list)
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _in_row: int = 0

    @property
    def is_calm(self) -> bool:
        """Whether the last step that was looked at was sound: what is saved in between may be on its way down."""
        return self._in_row == 0

    def note(self, step: int, indices: list[SampleIndex]) -> None:
        """Take what the update found in this step. NonFiniteError when too much of it was bad."""
        faults = self.update.faults
        if faults:
            flags = torch.stack([flag for _, flag in faults])
            self._pending.append((step, indices, [name for name, _ in faults], flags))
            self.update.faults = []
        is_near = bool(self._pending) and self._pending[0][3].device.type == "cpu"
        if is_near or step % self.every == 0:
            self.read()

    def read(self) -> None:
        """Look at the faults of the steps since the last look."""
        pending, self._pending = self._pending, []
        if not pending:
            return
        bad = torch.cat([flags for *_, flags in pending]).tolist()  # one transfer from the device for all of them
        for step, indices, names, flags in pending:
            of_step, bad = bad[: len(flags)], bad[len(flags) :]
            self._count(step, indices, [name for name, is_bad in zip(names, of_step, strict=True) if is_bad])
        if self.update.scale() < LEAST_SCALE:
            raise NonFiniteError("the loss, at any scale of fp16,", pending[-1][0], pending[-1][1])

    def _count(self, step: int, indices: list[SampleIndex], bad: list[str]) -> None:
        self._recent.append(bool(bad))
        self._in_row = self._in_row + 1 if bad else 0
        if not bad:
            return
        self.skipped += 1
        what = " and ".join(dict.fromkeys(bad))
        if self.skipped == 1:
            line = f"Warning: the gradient of {what} is not finite at step {step}; the step is left out"
            print(line, file=sys.stderr)  # noqa: T201
        if self._in_row >= MAX_IN_ROW or sum(self._recent) > MAX_IN_WINDOW:
            raise NonFiniteError(what, step, indices)
