"""Going back to a checkpoint when training has left the finite numbers."""

import sys
from collections.abc import Sequence

from imtrans.engine.checkpoints import checkpoint_paths, resume, state
from imtrans.engine.data.sampler import SampleIndex
from imtrans.engine.runs import run_dir
from imtrans.engine.training.checkpoint_saver import CheckpointSaver
from imtrans.engine.training.job import TrainingJob
from imtrans.engine.training.nonfinite import NonFiniteError, NonFiniteGuard
from imtrans.errors import DivergedError, join_names

MAX_ROLLBACKS = 3
SEED_STEP = 7919  # a prime: seeds of neighbouring runs and of their roll-backs do not meet


def roll_back(
    job: TrainingJob, fault: NonFiniteError, *, guard: NonFiniteGuard, saver: CheckpointSaver
) -> NonFiniteGuard:
    """Restore the newest checkpoint of the run and give a fresh guard.

    DivergedError where there is no checkpoint, and at the fourth time.
    """
    folder, count = job.run.folder, job.progress.rollbacks + 1
    checkpoint = job.world.on_first(lambda: checkpoint_paths.newest(folder) if folder.is_dir() else None)
    if checkpoint is None or count > MAX_ROLLBACKS:
        again = f", for the {count}th time" if checkpoint else ""
        raise DivergedError(
            f"training diverged: {fault.what} not finite at step {fault.step}{again}{_last_batch(job, fault.indices)}",
            hint="Try a lower learning rate (--lr), and look at these pictures.",
        )
    resume.restore(checkpoint, model=job.model, update=job.update, progress=job.progress, world=job.world)
    if job.world.is_first:
        run_dir.cut_metrics(folder, job.progress.step)
        line = f"Warning: {fault.what} not finite at step {fault.step}; back to {checkpoint}"
        print(line, file=sys.stderr)  # noqa: T201
    # The same pictures in the same order, but other noise: else the same would happen again.
    state.seed(job.model.config.train.seed + SEED_STEP * count, rank=job.world.rank)
    job.progress.rollbacks = count
    saver.resume_at(checkpoint)
    job.update.faults = []
    return NonFiniteGuard(update=job.update, every=guard.every, skipped=guard.skipped)


def _last_batch(job: TrainingJob, indices: Sequence[SampleIndex]) -> str:
    dataset = job.training.source.dataset
    files = [str(file) for place in indices for file in dataset.files(place.index)]
    names = files or [dataset[place.index].key for place in indices]
    return f" (last batch: {join_names(names, most=6)})" if names else ""
