"""The best checkpoint of a run: by which number, what it holds, and best.json, which names it."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imtrans import atomic_io
from imtrans.engine.checkpoints import checkpoint_paths
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.evaluation.bound_metrics import BoundMetric
from imtrans.errors import ConfigError, ResourceError, join_names, nearest

if TYPE_CHECKING:
    from imtrans.engine.training.job import TrainingJob


class BestCheckpoint:
    """Keeps the best checkpoint: the weights alone, unless `train.best_checkpoint` asks for all of it."""

    def __init__(self, job: "TrainingJob") -> None:
        self.job, train = job, job.model.config.train
        self.is_full = train.best_checkpoint == "full"
        self.candidates = best_metric_candidates(job.metrics, train.best_metric)
        self.metric = next(iter(self.candidates), "")
        self._of_last: int | None = None  # the best step when the whole state was saved last

    def update(self, metrics: Mapping[str, float]) -> bool:
        """Whether these metrics are the best so far; counts the evaluations that are not."""
        progress, value = self.job.progress, self._value(metrics)
        if value is None:
            return False
        is_best = progress.best is None or self._is_better(value, progress.best[1])
        progress.best = (progress.step, value) if is_best else progress.best
        progress.idle = 0 if is_best else progress.idle + 1
        return is_best

    def state_saved(self, best: int | None) -> None:
        """Keep the weights of the step that was the best when the last whole state was taken: a run that resumes from
        that state asks for them."""
        self._of_last = best

    def resume(self) -> None:
        """Continue with the job's progress: best.json names its best again, and none that came later."""
        self.state_saved(self.job.progress.best_step)
        folder = self.job.run.folder
        if self.job.world.is_first:
            if checkpoint_paths.best_record(folder).get("step", 0) > self.job.progress.step:
                (folder / checkpoint_paths.BEST).unlink(missing_ok=True)
            self._name_best()

    def save(self) -> None:
        """Save the present weights, unless the whole state is saved instead, and name them in best.json.

        ResourceError where they cannot be written; then best.json is as before.
        """
        job, step = self.job, self.job.progress.step
        if not self.is_full:
            # Of the state only the method's own: translating needs it.
            method = [{"method": dict(job.model.method.state_dict())}]
            folder = checkpoints_io.save(
                job.model, job.run.folder, step=step, plugins=job.plugins, ranks=method, is_best=True
            )
            check_readable(folder)
        if self._name_best():
            checkpoint_paths.prune_best(job.run.folder, keep={step, self._of_last or 0})

    def finish(self, metrics: Mapping[str, float]) -> None:
        """Say in best.json if the model is the best at the end of the run; then no other weights are kept."""
        # The progress does not change: a run that is trained further is as if it had never ended here.
        folder, value = self.job.run.folder, self._value(metrics)
        record = checkpoint_paths.best_record(folder)
        if value is None or (record and self._is_better(record["value"], value)):
            return
        try:
            self._record(self.job.progress.step, value, checkpoint_paths.step_name(self.job.progress.step))
            checkpoint_paths.prune_best(folder, keep=())
        except ResourceError as error:  # the run is over, and its model is saved
            print(f"Warning: {error.what}", file=sys.stderr)  # noqa: T201

    def _value(self, metrics: Mapping[str, float]) -> float | None:
        """The number that tells the best checkpoint; None where it was not measured."""
        name = next((name for name in self.candidates if name in metrics), None)
        self.metric = name or self.metric
        return None if name is None else metrics[name]

    def _is_better(self, value: float, other: float) -> bool:
        return value > other if self.candidates[self.metric] else value < other

    def _name_best(self) -> bool:
        """Write best.json as the progress has it; whether it names a checkpoint that is there."""
        best, folder = self.job.progress.best, self.job.run.folder
        if best is None:
            return False
        record = checkpoint_paths.best_record(folder)
        # A run that is trained further: its end may have been better than the evaluations before and after it.
        if record.get("metric") == self.metric and self._is_better(record["value"], best[1]):
            return checkpoint_paths.best(folder) is not None
        names = (checkpoint_paths.step_name(best[0], is_best=is_best) for is_best in (not self.is_full, False))
        name = next((name for name in names if (folder / name).is_dir()), None)
        if name:
            self._record(*best, name)
        return name is not None

    def _record(self, step: int, value: float, checkpoint: str) -> None:
        record = {"step": step, "metric": self.metric, "value": value, "checkpoint": checkpoint}
        atomic_io.replace_json(self.job.run.folder / checkpoint_paths.BEST, record)


def check_readable(checkpoint: Path) -> None:
    """ResourceError if a checkpoint that was just written has other bytes than those that were written."""
    faults = atomic_io.faults(checkpoint)
    if faults:
        raise ResourceError(f"checkpoint {checkpoint} cannot be read back: {faults[0]}", hint="Check that disk.")


def best_metric_candidates(metrics: Sequence[BoundMetric], best: str | None = None) -> dict[str, bool]:
    """The numbers that may tell the best checkpoint, the first of them that there is, and whether higher is better.

    `best` names a metric or one of its numbers, with or without the options that follow its name; without it the
    first metric decides. ConfigError for an unknown one.
    """
    known: dict[str, dict[str, bool]] = {}
    for m in metrics:
        known |= dict.fromkeys((m.name, m.label), m.numbers)
    for m in metrics:
        for number, is_higher in m.numbers.items():
            known |= {n: {number: is_higher} for n in (number.removesuffix(m.suffix), number) if n not in known}
    if best is None:
        return metrics[0].numbers if metrics else {}
    if best not in known:
        raise ConfigError(
            f"train.best_metric: no metric {best!r} in this run{nearest(best, known)}",
            hint=f"It has {join_names(known)}.",
        )
    return known[best]
