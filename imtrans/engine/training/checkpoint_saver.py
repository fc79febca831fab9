"""Saving a run: when it fails, and which checkpoints stay."""

import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imtrans import atomic_io
from imtrans.engine.checkpoints import checkpoint_paths, state
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.checkpoints.content import CheckpointContent
from imtrans.engine.checkpoints.copy_buffer import CopyBuffer
from imtrans.engine.speedups import is_asked
from imtrans.engine.training.best_checkpoint import BestCheckpoint, check_readable
from imtrans.engine.training.nonfinite import NonFiniteError
from imtrans.errors import ResourceError, join_names

if TYPE_CHECKING:
    from imtrans.engine.training.job import TrainingJob

MAX_FAILURES = 3
KEEP, KEEP_AT_END = 2, 1  # checkpoints: while a run is trained, the newest might be damaged when it is to be resumed
FREE_SPACE_FACTOR = 1.2  # of the last checkpoint's size is asked to be free before the next is written
LARGE = 64_000_000  # bytes; fewer are written in less time than a step takes


class Pending(NamedTuple):
    """A checkpoint that is being written: of which step, and which step was the best then."""

    write: Future[Path]
    step: int
    best: int | None


class CheckpointSaver:
    """Writes the checkpoints of a run. Training continues after a failed save; the third in a row ends the run.

    Large ones are copied and written beside the training; whatever else concerns checkpoints waits for that.
    """

    def __init__(self, job: "TrainingJob") -> None:
        self.job, self.failures = job, 0
        self.last: Path | None = None
        self.best = BestCheckpoint(job)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._buffer = CopyBuffer()
        self._pending: Pending | None = None

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
        if self.last and checkpoint_paths.step_of(self.last) == self.job.progress.step:
            return self.last
        content = self._content(is_milestone=is_milestone)
        if not must and self._is_beside(content):
            self._begin(self._buffer.copy(content))
            return None
        path, best = self._tried(lambda: self._write(content), must=must), self.job.progress.best
        return self._saved(path, step=self.job.progress.step, best=best[0] if best else None)

    def begin_last(self, *, is_milestone: bool) -> None:
        """Begin to write the state of the end, which the last evaluation does not change, so that both go on at once.

        `save` with `must` has to follow."""
        self.settle()
        content = self._content(is_milestone=is_milestone)
        if self._is_beside(content) and not (self.last and self.last.name == content.folder.name):
            self.check_finite()
            self._begin(content)

    def settle(self, *, is_waiting: bool = True) -> None:
        """Take what became of the checkpoint that is being written; without `is_waiting` only if that is over."""
        pending = self._pending
        if pending is None or not (is_waiting or pending.write.done()):
            return
        self._pending = None
        self._saved(self._tried(pending.write.result), step=pending.step, best=pending.best)

    def close(self) -> None:
        """Wait for what is being written; it tells nothing of how that ended."""
        self._writer.shutdown()

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

    def _content(self, *, is_milestone: bool) -> CheckpointContent:
        job = self.job
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

    def _is_beside(self, content: CheckpointContent) -> bool:
        """Whether it is written beside the training: it pays where that takes long, and processes save together."""
        train = self.job.model.config.train
        is_large = content.size >= LARGE or "background-save" in train.speedups
        return self.job.world.size == 1 and is_large and is_asked(train, "background-save")

    def _begin(self, content: CheckpointContent) -> None:
        best = self.job.progress.best
        write = self._writer.submit(self._write, content)
        self._pending = Pending(write, self.job.progress.step, best[0] if best else None)

    def _write(self, content: CheckpointContent) -> Path:
        folder = self._folder()
        if self.last and self.last.is_dir():
            atomic_io.need_room(folder, int(FREE_SPACE_FACTOR * sum(p.stat().st_size for p in self.last.iterdir())))
        checkpoint = content.write()
        # Read back before an older one is removed: a disk may take bytes that it cannot give again.
        check_readable(checkpoint)
        return checkpoint

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
