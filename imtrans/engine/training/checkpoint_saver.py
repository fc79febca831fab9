"""Saving a run: when it fails, and which checkpoints stay."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imtrans import atomic_io
from imtrans.engine.checkpoints import checkpoint_paths, state
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.training.best_checkpoint import BestCheckpoint, check_readable
from imtrans.engine.training.nonfinite import NonFiniteError
from imtrans.errors import ResourceError, join_names

if TYPE_CHECKING:
    from imtrans.engine.training.job import TrainingJob

MAX_FAILURES = 3
KEEP, KEEP_AT_END = 2, 1  # checkpoints: while a run is trained, the newest might be damaged when it is to be resumed
FREE_SPACE_FACTOR = 1.2  # of the last checkpoint's size is asked to be free before the next is written


class CheckpointSaver:
    """Writes the checkpoints of a run. Training continues after a failed save; the third in a row ends the run."""

    def __init__(self, job: "TrainingJob") -> None:
        self.job, self.failures = job, 0
        self.last: Path | None = None
        self.best = BestCheckpoint(job)

    def resume_at(self, checkpoint: Path | None) -> None:
        """Continue after this checkpoint, whose progress the job has."""
        self.last = checkpoint
        self.best.resume()

    def save(self, *, must: bool = False, is_milestone: bool = False) -> Path | None:
        """Save the present state, unless it is saved; returns the checkpoint, or None where that failed.

        With `must`, and at the third failure in a row, the ResourceError is raised. NonFiniteError if anything is not
        finite.
        """
        self.check_finite()
        job, step = self.job, self.job.progress.step
        if self.last and checkpoint_paths.step_of(self.last) == step:
            return self.last
        ranks = job.world.gather(state.rank_state(job.model, job.progress))
        path = self._tried(lambda: self._write(ranks, is_milestone=is_milestone), must=must)
        if path is None:
            return None
        self.last = path
        self.best.state_saved()
        with state.preserve_rng(job.model.device):
            job.observers.notify("checkpoint_saved", run=job.run, step=step, path=self.last)
        return self.last

    def save_due(self, *, is_due: bool, is_best: bool, is_milestone: bool) -> None:
        """Save what is due after a step, and the best."""
        if is_best and not self.best.is_full:  # before the whole state, which says that this is the best
            self.save_best()
        if is_due or (is_best and self.best.is_full):
            self.save(is_milestone=is_milestone)
        if is_best and self.best.is_full:
            self.save_best()

    def save_best(self) -> None:
        """Save what is the best so far; as for `save`, training continues where that fails."""
        self.check_finite()
        self._tried(self._write_best)

    def finish(self, metrics: Mapping[str, float]) -> None:
        """Take the metrics of the end for the best, and remove the checkpoints that a finished run does not need."""
        if self.job.world.is_first:
            self.best.finish(metrics)
            self._prune(KEEP_AT_END)

    def check_finite(self) -> None:
        """NonFiniteError if a weight, a buffer or a moment of an optimizer is not finite: it must not be saved."""
        bad = list(state.not_finite(self.job.model, self.job.update))
        if bad:
            raise NonFiniteError(join_names(bad, most=3), self.job.progress.step, [])

    def _tried(self, write: Callable[[], Path], *, must: bool = False) -> Path | None:
        """What the first process wrote; None where it could not."""
        try:
            path = self.job.world.on_first(write)
        except ResourceError as error:
            self.failures += 1
            if must or self.failures >= MAX_FAILURES:
                raise
            if self.job.world.is_first:
                print(f"Warning: {error.what}; training continues, and saves again later", file=sys.stderr)  # noqa: T201
            return None
        self.failures = 0
        return path

    def _write(self, ranks: list[Any], *, is_milestone: bool) -> Path:
        job, folder = self.job, self._folder()
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
            is_milestone=is_milestone,
        )
        # Read back before an older one is removed: a disk may take bytes that it cannot give again.
        check_readable(checkpoint)
        self._prune(KEEP)
        atomic_io.sweep(folder)
        return checkpoint

    def _write_best(self) -> Path:
        folder = self._folder()
        self.best.save()
        return folder

    def _folder(self) -> Path:
        folder = self.job.run.folder
        if not folder.is_dir():
            raise ResourceError(f"run folder {folder} was taken away during training", hint="Start the run again.")
        return folder

    def _prune(self, keep: int) -> None:
        train = self.job.model.config.train
        checkpoint_paths.prune(self.job.run.folder, keep=train.keep_last or keep, milestone_every=train.milestone_every)
