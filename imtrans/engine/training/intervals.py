"""After which steps a run logs, evaluates, shows samples and saves."""

import time
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from imtrans.engine.checkpoints.state import Progress
from imtrans.engine.distributed import ProcessGroup
from imtrans.plugins.interval import Interval
from imtrans.plugins.recipe import TrainOptions

if TYPE_CHECKING:
    from imtrans.engine.training.job import TrainingJob

SAVE_EVERY = Interval(2000)  # a checkpoint of the paper's networks takes two seconds, a step on two cores nearly one
MAX_STEPS_BETWEEN_SAMPLES = 500
TIMES = 10  # evaluations of a run, and its sample grids if it is short
MIN_STEPS_BETWEEN_EVALUATIONS = 10
# To translate and score a picture takes about a fifth of the time of training on it: all evaluations together then
# take about a tenth of the training.
EVALUATED_PER_TRAINED = Fraction(1, 2)
NEVER = Interval(0)


class Due(NamedTuple):
    """What is to be done after a step; the end of a run is not meant."""

    log: bool = False
    evaluation: bool = False
    sample: bool = False
    save: bool = False
    milestone: bool = False


@dataclass
class Intervals:
    """What is due after each step (counted from 1) of a run of `last_step` steps.

    An epoch has `count` samples, a step `batch_size` of them, and an evaluation `validation`. Minutes count from the
    start of this process, or from when the same was done last; the first process decides for all.
    """

    options: TrainOptions
    last_step: int
    count: int = 1
    batch_size: int = 1
    validation: int = 0
    world: ProcessGroup = field(default_factory=ProcessGroup)

    @classmethod
    def of(cls, job: "TrainingJob") -> "Intervals":
        """Those of a job."""
        config = job.model.config
        counts = {"count": len(job.training.source.dataset), "validation": len(job.validation.source.dataset)}
        return cls(config.train, job.run.steps, batch_size=config.data.batch_size, world=job.world, **counts)

    def __post_init__(self) -> None:
        options = self.options
        self.every = {
            "log": Interval(options.log_every),
            "evaluation": options.evaluate_every or self._default_evaluation(),
            "sample": options.sample_every or Interval(max(1, min(MAX_STEPS_BETWEEN_SAMPLES, self.last_step // TIMES))),
            "save": options.save_every or SAVE_EVERY,
            "milestone": options.milestone_every or NEVER,
        }
        self._times = dict.fromkeys(self.every, time.monotonic())

    def after(self, progress: Progress) -> Due:
        """What is due now. The last step is evaluated and saved anyway."""
        is_due = {name: self._is_due(name, progress) for name in self.every}
        is_over = progress.step >= self.last_step
        due = Due(
            log=is_due["log"] or progress.step in (1, self.last_step),
            evaluation=is_due["evaluation"] and not is_over,
            sample=is_due["sample"] and not is_over,
            save=is_due["save"] or is_due["milestone"],
            milestone=is_due["milestone"],
        )
        has_clock = any(interval.unit == "minutes" for interval in self.every.values())
        return self.world.on_first(lambda: due) if has_clock else due

    def restart(self, due: Due) -> None:
        """Count the minutes to the next of these from now: not from before an evaluation that itself took minutes."""
        self._times |= {name: time.monotonic() for name, is_due in due._asdict().items() if is_due}

    def times(self, name: str) -> int:
        """How often something is due in the whole run, before its last step; of minutes it is not known: 0."""
        interval = self.every[name]
        if not interval.amount or interval.unit == "minutes":
            return 0
        steps = interval.amount * (-(-self.count // self.batch_size) if interval.unit == "epochs" else 1)
        return int((self.last_step - 1) // steps)

    def _is_due(self, name: str, progress: Progress) -> bool:
        interval = self.every[name]
        if not interval.amount:
            return False
        if interval.unit == "steps":
            return progress.step % interval.amount == 0
        if interval.unit == "minutes":
            return time.monotonic() - self._times[name] >= 60 * interval.amount
        # As fractions: three times 0.1 is not 0.3.
        length = Fraction(str(interval.amount)) * self.count
        return self._samples_before(progress) // length < self._samples(progress) // length

    def _samples(self, progress: Progress) -> int:
        return progress.position.epoch * self.count + progress.position.seen

    def _samples_before(self, progress: Progress) -> int:
        """The samples before the last step; the last step of an epoch may be smaller than the others."""
        seen = progress.position.seen or self.count
        return self._samples(progress) - ((seen - 1) % self.batch_size + 1)

    def _default_evaluation(self) -> Interval:
        affordable = self.last_step * self.batch_size * EVALUATED_PER_TRAINED // max(1, self.validation)
        times = max(1, min(TIMES, int(affordable)))
        return Interval(max(MIN_STEPS_BETWEEN_EVALUATIONS, -(-self.last_step // times)))
