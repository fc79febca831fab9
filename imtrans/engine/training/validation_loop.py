"""Evaluations and sample pictures in the midst of a training, which they never change."""

from collections.abc import Callable, Mapping, Sequence

from imtrans.engine.checkpoints import state
from imtrans.engine.evaluation import scoring
from imtrans.engine.evaluation.bound_metrics import BoundMetric
from imtrans.engine.evaluation.scoring import Scores
from imtrans.engine.training.job import TrainingJob
from imtrans.interfaces import Tick
from imtrans.kit.report.metric_history import BASELINE, ON_TRAINING


class ValidationLoop:
    """Scores the validation pictures and hands observers the samples.

    `tick(done, count)` is called in the last evaluation, `between()` after each picture of any.
    """

    def __init__(self, job: TrainingJob, *, tick: Tick | None = None, between: Callable[[], None]) -> None:
        self.job, self.tick, self.between = job, tick, between

    def evaluate(self, *, is_last: bool = False) -> Scores:
        """Score every validation picture; the last time beside the mean image and some training pictures."""
        job, metrics = self.job, self._metrics()
        with state.preserve_rng(job.model.device):
            scores, known = Scores(metrics={}), Scores(metrics={})
            if metrics:
                mean = scoring.mean_target(job.model, job.plain_training) if is_last else None
                scores = scoring.scores(
                    job.model, metrics, job.validation, mean=mean, tick=self._on_picture, world=job.world
                )
                if is_last:
                    # Not more than were trained on: after a few steps that would take longer than the training.
                    seen = max(1, job.progress.step * job.model.config.data.batch_size)
                    known = scoring.scores_on_some(job.model, metrics, job.plain_training, most=seen, world=job.world)
            baseline = {f"{name}{BASELINE}": value for name, value in scores.baseline.items()}
            beside = {f"{name}{ON_TRAINING}": value for name, value in known.metrics.items()}
            self._notify({**scores.metrics, **baseline, **beside}, worst=scores.worst)
        return scores

    def show_samples(self) -> None:
        """Hand observers the sample pictures alone."""
        with state.preserve_rng(self.job.model.device):
            self._notify({})

    def _metrics(self) -> Sequence[BoundMetric]:
        """The metrics; none for unpaired data: no picture has a target of its own."""
        return self.job.metrics if self.job.model.config.dataset.component.info.is_paired else ()

    def _on_picture(self, done: int, count: int) -> None:
        if self.tick and self.job.progress.step >= self.job.run.steps:
            self.tick(done, count)
        self.between()

    def _notify(self, metrics: Mapping[str, float], *, worst: Sequence[int] = ()) -> None:
        job = self.job
        if job.world.is_first:
            count = job.model.config.train.num_samples
            samples = scoring.samples(job.model, job.validation, count, metrics=self._metrics(), worst=worst)
            step = job.progress.step
            job.observers.notify("evaluated", run=job.run, step=step, metrics=metrics, samples=samples)
