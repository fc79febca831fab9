"""Saving a run: when it fails, and which checkpoints stay."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from imtrans import atomic_io
from imtrans.engine.checkpoints import checkpoint_paths, state
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.checkpoints.background_writer import BackgroundWriter
from imtrans.engine.checkpoints.content import CheckpointContent
from imtrans.engine.distributed import ProcessGroup
from imtrans.engine.training.best_checkpoint import BestCheckpoint, check_readable
from imtrans.engine.training.nonfinite import NonFiniteError
from imtrans.errors import ResourceError, join_names

if TYPE_CHECKING:
    from imtrans.engine.training.job import TrainingJob

MAX_FAILURES = 3
KEEP, KEEP_AT_END = 2, 1  # checkpoints: while a run is trained, the newest might be damaged when it is to be resumed
FREE_SPACE_FACTOR = 1.2  # of the last checkpoint's size is asked to be free before the next is written


class _Attempts:
    """Writes that may fail, until too many in a row do."""

    def __init__(self, world: ProcessGroup) -> None:
        self.world, self.failures = world, 0

    def __call__(self, write: Callable[[], Path], *, must: bool = False) -> Path | None:
        """What the first process wrote; None where it could not."""
        try:
            path = self.world.on_first(write)
        except ResourceError as error:
            self.failures += 1
            if must or self.failures >= MAX_FAILURES:
                raise
            if self.world.is_first:
                print(f"Warning: {error.what}; training continues, and saves again later", file=sys.stderr)  # noqa: T201
            return None
        self.failures = 0
        return path


class CheckpointSaver:
    """Writes the checkpoints of a run. Training continues after a failed save; the third in a row ends the run.

    Large ones are copied and written beside the training; whatever else concerns checkpoints waits for that.
    """

    def __init__(self, job: "TrainingJob") -> None:
        self.job, self._attempt = job, _Attempts(job.world)
        self.last: Path | None = None
        self.best = BestCheckpoint(job)
        self._writer = BackgroundWriter(job.model.config.train, is_alone=job.world.size == 1)

    def resume_at(self, checkpoint: Path | None) -> None:
        """Continue after this checkpoint, whose progress the job has."""
        self.last = checkpoint
        self.best.resume()

    def save(self, *, must: bool = False, is_milestone: bool = False) -> Path | None:
        """Save the present state, unless it is saved; returns the checkpoint, or None where that failed or goes on.

        With `must` it is there afterwards. Then, and at the third failure in a row, the ResourceError is raised.
        NonFiniteError if anything is not finite.
        """
        self.settle()
        self.check_finite()
        if self._is_saved():
            return self.last
        content = _content(self.job, is_milestone=is_milestone)
        if not must and self._writer.accepts(content):
            self._begin(content, is_fixed=False)
            return None
        path = self._attempt(lambda: self._write(content), must=must)
        return self._saved(path, step=self.job.progress.step, best=self.job.progress.best_step)

    def begin_last(self, *, is_milestone: bool) -> None:
        """Begin to write the state of the end, which the last evaluation does not change, so that both go on at once.

        `save` with `must` has to follow."""
        self.settle()
        if self._is_saved():
            return
        content = _content(self.job, is_milestone=is_milestone)
        if self._writer.accepts(content):
            self.check_finite()
            self._begin(content, is_fixed=True)

    def settle(self, *, is_waiting: bool = True) -> None:
        """Take what became of the checkpoint that is being written; without `is_waiting` only if that is over."""
        if pending := self._writer.take(is_waiting=is_waiting):
            self._saved(self._attempt(pending.write.result), step=pending.step, best=pending.best)

    def close(self) -> None:
        """Wait for what is being written; it tells nothing of how that ended."""
        self._writer.close()

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
        self.settle()
        self.check_finite()
        self._attempt(self._write_best)

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

    def _begin(self, content: CheckpointContent, *, is_fixed: bool) -> None:
        progress = self.job.progress
        self._writer.begin(content, self._write, step=progress.step, best=progress.best_step, is_fixed=is_fixed)

    def _is_saved(self) -> bool:
        return self.last is not None and checkpoint_paths.step_of(self.last) == self.job.progress.step

    def _write(self, content: CheckpointContent) -> Path:
        return _written(content, _folder_of(self.job.run.folder), last=self.last)

    def _saved(self, path: Path | None, *, step: int, best: int | None) -> Path | None:
        """Take a checkpoint that is written as the last; here, as nothing else is being written now."""
        if path is None:
            return None
        job, self.last = self.job, path
        self.best.state_saved(best)
        if job.world.is_first:
            self._prune(KEEP)
            atomic_io.sweep(path.parent)
        with state.preserve_rng(job.model.device):
            job.observers.notify("checkpoint_saved", run=job.run, step=step, path=path)
        return path

    def _write_best(self) -> Path:
        folder = _folder_of(self.job.run.folder)
        self.best.save()
        return folder

    def _prune(self, keep: int) -> None:
        train = self.job.model.config.train
        checkpoint_paths.prune(self.job.run.folder, keep=train.keep_last or keep, milestone_every=train.milestone_every)


def _written(content: CheckpointContent, folder: Path, *, last: Path | None) -> Path:
    if last and last.is_dir():
        atomic_io.need_room(folder, int(FREE_SPACE_FACTOR * sum(p.stat().st_size for p in last.iterdir())))
    checkpoint = content.write()
    # Read back before an older one is removed: a disk may take bytes that it cannot give again.
    check_readable(checkpoint)
    return checkpoint


def _folder_of(run: Path) -> Path:
    if not run.is_dir():
        raise ResourceError(f"run folder {run} was taken away during training", hint="Start the run again.")
    return run


def _content(job: "TrainingJob", *, is_milestone: bool) -> CheckpointContent:
    return checkpoints_io.content_of(
        job.model,
        job.run.folder,
        step=job.progress.step,
        plugins=job.plugins,
        progress=job.progress.tree(),
        shared=state.shared_state(job.model, job.update),
        ranks=job.world.gather(state.rank_state(job.model, job.progress)),
        is_milestone=is_milestone,
    )
