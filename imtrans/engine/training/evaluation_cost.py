"""What the evaluations of a run will cost, measured on a few pictures before the first of them."""

import math
import sys
import time

import torch

from imtrans.engine.checkpoints import state
from imtrans.engine.evaluation.metric_rows import MetricRows
from imtrans.engine.evaluation.model_samples import samples_of_model
from imtrans.engine.evaluation.protocol import AT_MODEL_SIZE
from imtrans.engine.training.intervals import NEVER, Intervals
from imtrans.engine.training.job import TrainingJob
from imtrans.plugins.interval import Interval

WARM_UP = 2  # steps: the first ones are slower than the rest
SECONDS, STEPS = 2.0, 50  # so much training is measured
PICTURES = 4
NOTABLE = 0.1  # share of the time


class EvaluationCost:
    """Says once, before the first evaluation, how long all of them take where it is more than a tenth of the time."""

    def __init__(self, job: TrainingJob, intervals: Intervals) -> None:
        self.job, self.intervals = job, intervals
        # Unpaired pictures are not scored.
        self._is_over = not (job.world.is_first and job.metrics and job.model.config.dataset.component.info.is_paired)
        self._steps, self._seconds, self._began = -WARM_UP, 0.0, 0.0

    def step_begins(self) -> None:
        """Measure from here: what is done between two steps is no training."""
        if not self._is_over:
            self._began = self._now()

    def step_ended(self) -> None:
        """Take the time of a step; when there were enough of them, measure an evaluation and say what all will cost."""
        if self._is_over or not self._began:
            return
        self._steps += 1
        self._seconds += self._now() - self._began if self._steps > 0 else 0.0
        if self._steps >= STEPS or self._seconds >= SECONDS:
            self._is_over = True
            if line := self._line(self._seconds / self._steps):
                print(line, file=sys.stderr)  # noqa: T201

    def _line(self, seconds_of_step: float) -> str:
        count = len(self.job.validation.source.dataset)
        every, seconds = self.intervals.every["evaluation"], self._seconds_of_picture() * count
        training = seconds_of_step * self.job.run.steps
        times = int(training / (60 * every.amount)) if every.unit == "minutes" else self.intervals.times("evaluation")
        share = times * seconds / (times * seconds + training)
        if share <= NOTABLE:
            return ""
        factor = times * seconds / training * (1 / NOTABLE - 1)  # at which it would take that share
        longer = Interval(math.ceil(every.amount * factor), every.unit)
        if longer.unit == "steps" and longer.amount >= self.job.run.steps:
            longer = NEVER
        return (
            f"Note: evaluations will take about {share:.0%} of the time: {times:,} of {count:,} pictures, "
            f"{in_words(seconds)} each\n"
            f'      For a tenth: --set train.evaluate_every="{longer}"'
        )

    def _seconds_of_picture(self) -> float:
        count = min(PICTURES, len(self.job.validation.source.dataset))
        with state.preserve_rng(self.job.model.device):
            self._evaluate(1)  # the first one is slower
            began = self._now()
            self._evaluate(count)
            return (self._now() - began) / max(1, count)

    def _evaluate(self, count: int) -> None:
        job = self.job
        for sample in samples_of_model(job.model, job.validation, AT_MODEL_SIZE, indices=range(count)).each():
            for m in job.metrics:
                MetricRows().add(m.metric, sample)

    def _now(self) -> float:
        # A GPU works on while Python already has the next step.
        if self.job.model.device.type == "cuda":
            torch.cuda.synchronize(self.job.model.device)
        return time.monotonic()


def in_words(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds < 1:
        return f"{seconds:.1g} s"
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"
