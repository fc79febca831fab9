"""After which steps a run logs, evaluates, shows samples and saves."""

from dataclasses import dataclass

from imtrans.plugins.recipe import TrainOptions

SAVE_EVERY = 2000  # steps; a checkpoint of the paper's networks takes two seconds, a step on two cores nearly one
MAX_STEPS_BETWEEN_SAMPLES = 500


@dataclass(frozen=True)
class Intervals:
    """What is due after a step (counted from 1) of a run of `last_step` steps; the end of a run is not asked here."""

    options: TrainOptions
    last_step: int

    def is_log_due(self, step: int) -> bool:
        """Every `train.log_every` steps, and after the first and the last."""
        return step % self.options.log_every == 0 or step in (1, self.last_step)

    def is_evaluation_due(self, step: int) -> bool:
        """Every `train.evaluate_every` steps, but not after the last, which is evaluated anyway."""
        return step < self.last_step and _divides(self.options.evaluate_every, step)

    def is_sample_due(self, step: int) -> bool:
        """Every `train.sample_every` steps, without it ten times a run and at least every 500 steps."""
        every = self.options.sample_every or max(1, min(MAX_STEPS_BETWEEN_SAMPLES, self.last_step // 10))
        return step < self.last_step and _divides(every, step)

    def is_save_due(self, step: int) -> bool:
        """Every `train.save_every` steps, and for milestones."""
        return _divides(self.options.save_every or SAVE_EVERY, step) or _divides(self.options.milestone_every, step)


def _divides(every: int | None, step: int) -> bool:
    return bool(every) and step % (every or 1) == 0
