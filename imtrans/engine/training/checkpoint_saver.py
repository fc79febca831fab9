"""Saving a run: when it fails, which is best, and which checkpoints stay."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imtrans import atomic_io
from imtrans.engine.checkpoints import checkpoint_paths, state
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.evaluation.bound_metrics import BoundMetric
from imtrans.engine.training.nonfinite import NonFiniteError
from imtrans.errors import ConfigError, ResourceError, join_names, nearest

if TYPE_CHECKING:
    from imtrans.engine.training.job import TrainingJob

MAX_FAILURES = 3
FREE_SPACE_FACTOR = 1.2  # of the last checkpoint's size is asked to be free before the next is written


class CheckpointSaver:
    """Writes the checkpoints of a run. Training continues after a failed save; the third in a row ends the run."""

    def __init__(self, job: "TrainingJob") -> None:
        self.job, self.failures = job, 0
        self.last: Path | None = None
        self.candidates = best_metric_candidates(job.metrics, job.model.config.train.best_metric)
        self.metric = next(iter(self.candidates), "")

    def save(self, *, must: bool = False) -> Path | None:
        """Save the present state, unless it is saved; returns the checkpoint, or None where that failed.

        With `must`, and at the third failure in a row, the ResourceError is raised. NonFiniteError if anything is not
        finite.
        """
        self.check_finite()
        job, step = self.job, self.job.progress.step
        if self.last and checkpoint_paths.step_of(self.last) == step:
            return self.last
        ranks = job.world.gather(state.rank_state(job.model, job.progress))
        try:
            self.last = job.world.on_first(lambda: self._write(ranks))
        except ResourceError as error:
            self.failures += 1
            if must or self.failures >= MAX_FAILURES:
                raise
            if job.world.is_first:
                print(f"Warning: {error.what}; training continues, and saves again later", file=sys.stderr)  # noqa: T201
            return None
        self.failures = 0
        with state.preserve_rng(job.model.device):
            job.observers.notify("checkpoint_saved", run=job.run, step=step, path=self.last)
        return self.last

    def check_finite(self) -> None:
        """NonFiniteError if a weight, a buffer or a moment of an optimizer is not finite: it must not be saved."""
        bad = list(state.not_finite(self.job.model, self.job.update))
        if bad:
            raise NonFiniteError(join_names(bad, most=3), self.job.progress.step, [])

    def update_best(self, metrics: Mapping[str, float]) -> bool:
        """Whether these metrics are the best so far; counts the evaluations that are not."""
        progress = self.job.progress
        name = next((name for name in self.candidates if name in metrics), None)
        if name is None:
            return False
        self.metric, value = name, metrics[name]
        before = progress.best[1] if progress.best else None
        is_best = before is None or (value > before if self.candidates[name] else value < before)
        progress.best = (progress.step, value) if is_best else progress.best
        progress.idle = 0 if is_best else progress.idle + 1
        return is_best

    def write_best(self) -> None:
        """Write best.json as the progress has it, if that checkpoint is there."""
        best, folder = self.job.progress.best, self.job.run.folder
        if best is None or not self.job.world.is_first:
            return
        name = f"step-{best[0]:06}"
        if (folder / name).is_dir():
            record = {"step": best[0], "metric": self.metric, "value": best[1], "checkpoint": name}
            atomic_io.replace_json(folder / checkpoint_paths.BEST, record)

    def _write(self, ranks: list[Any]) -> Path:
        job, train = self.job, self.job.model.config.train
        folder = job.run.folder
        if not folder.is_dir():
            raise ResourceError(f"run folder {folder} was taken away during training", hint="Start the run again.")
        if self.last and self.last.is_dir():
            atomic_io.need_room(folder, int(FREE_SPACE_FACTOR * sum(p.stat().st_size for p in self.last.iterdir())))
        progress, shared = job.progress.tree(), state.shared_state(job.model, job.update)
        checkpoint = checkpoints_io.save(
            job.model,
            folder,
            step=job.progress.step,
            plugins=job.plugins,
            progress=progress,
            shared=shared,
            ranks=ranks,
        )
        # Read back before an older one is removed: a disk may take bytes that it cannot give again.
        faults = atomic_io.faults(checkpoint)
        if faults:
            raise ResourceError(f"checkpoint {checkpoint} cannot be read back: {faults[0]}", hint="Check that disk.")
        checkpoint_paths.prune(folder, keep=train.keep_last, milestone_every=train.milestone_every)
        atomic_io.sweep(folder)
        return checkpoint


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
