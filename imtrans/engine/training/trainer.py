"""The training loop: step, log, evaluate, save."""

import signal
import sys
from pathlib import Path

from imtrans.engine.checkpoints import state
from imtrans.engine.data.prefetch import Prefetcher
from imtrans.engine.gpu.resident_samples import ResidentLoader
from imtrans.engine.runs import run_dir
from imtrans.engine.speedups import speedups
from imtrans.engine.training import oom
from imtrans.engine.training.checkpoint_saver import CheckpointSaver
from imtrans.engine.training.evaluation_cost import EvaluationCost
from imtrans.engine.training.intervals import Due, Intervals
from imtrans.engine.training.job import TrainingJob, TrainingResult, remaining_samples
from imtrans.engine.training.meters import LossMeter
from imtrans.engine.training.nonfinite import NonFiniteError, NonFiniteGuard
from imtrans.engine.training.rollback import roll_back
from imtrans.engine.training.signal_handlers import SignalFlags, StopRequests, capture_signals
from imtrans.engine.training.train_step import TrainStep
from imtrans.engine.training.validation_loop import ValidationLoop
from imtrans.errors import DivergedError, ImtransError, Interrupted
from imtrans.interfaces import Tick
from imtrans.kit.report.metric_history import HEALTH


def fit(job: TrainingJob, *, tick: Tick | None = None) -> TrainingResult:
    """Train to the end, or until a signal; observers are called for all of it, also for a failure.

    `tick(done, count)` is called for each picture of the last evaluation. Raises Interrupted after a signal,
    DivergedError, and ResourceError for lack of memory, with a batch size that would fit.
    """
    error: BaseException | None = None
    data = job.model.config.data
    with capture_signals() as flags:
        job.observers.notify("run_started", run=job.run)
        trainer = Trainer(job, flags, tick=tick)
        size = -(-data.batch_size // job.world.size)
        fitting = trainer.step.largest_fitting_batch
        try:
            with oom.map_oom_errors(job.model.device, size=size, workers=data.workers, fitting=fitting):
                return trainer.run()
        except BaseException as raised:
            error = raised
            raise
        finally:
            job.observers.notify("run_finished", run=job.run, error=error)


def fit_recorded(job: TrainingJob, *, tick: Tick | None = None) -> TrainingResult:
    """Train as `fit` does, and write into the record of the run how it ended."""
    is_first = job.world.is_first
    try:
        result = fit(job, tick=tick if is_first else None)
    except BaseException as error:  # run.json must not say "running" after Ctrl-C either
        if is_first:
            _record_failure(job.run.folder, error)
        raise
    if is_first:
        run_dir.finish(job.run.folder, status="finished", step=result.step, code=0)
    return result


def _record_failure(folder: Path, error: BaseException) -> None:
    kinds = {Interrupted: "interrupted", KeyboardInterrupt: "interrupted", DivergedError: "diverged"}
    status = next((s for kind, s in kinds.items() if isinstance(error, kind)), "failed")
    code = 130 if isinstance(error, KeyboardInterrupt) else getattr(error, "exit_code", 1)
    try:
        run_dir.finish(folder, status=status, error=str(error), code=code)
    except (ImtransError, OSError, ValueError):
        print("Warning: run.json could not be updated", file=sys.stderr)  # noqa: T201


class Trainer:
    """Takes the steps of a job, and does between them what is due. Every part of it can be used and tested alone."""

    def __init__(self, job: TrainingJob, flags: SignalFlags, *, tick: Tick | None = None) -> None:
        self.job, self.progress, train = job, job.progress, job.model.config.train
        self.meter = LossMeter(job.progress, job.world)
        self.step = TrainStep(job, self.meter)
        self.guard = NonFiniteGuard(update=job.update, every=train.log_every)
        self.saver = CheckpointSaver(job)
        self.saver.resume_at(job.start)
        self.intervals, self.due = Intervals.of(job), Due()
        self.cost = EvaluationCost(job, self.intervals)
        # Steps on a GPU are short, and what goes between its hosts on the way of the CPU is slow.
        self.requests = StopRequests(flags, job.world, every=10 if job.model.device.type == "cuda" else 1)
        self.validation = ValidationLoop(job, tick=tick, between=self._between_pictures)
        self.is_over = False

    def run(self) -> TrainingResult:
        """Train, evaluate once more, and save. A run that diverged trains again from an earlier checkpoint."""
        try:
            self._prepare()
            while not self._train():
                continue
            self.saver.begin_last(is_milestone=self.due.milestone)
            scores = self.validation.evaluate(is_last=True)
            path = self.saver.save(must=True, is_milestone=self.due.milestone)
            assert path is not None
            self.saver.finish(scores.metrics)
            return TrainingResult(step=self.progress.step, scores=scores, checkpoint=path)
        finally:
            self.saver.close()

    def _prepare(self) -> None:
        job, train = self.job, self.job.model.config.train
        if job.random is None:
            state.seed(train.seed, rank=job.world.rank)
        else:
            state.restore_rng_state(job.random, job.model.device)
        if train.compile:
            for network in job.model.networks.values():
                network.compile()

    def _train(self) -> bool:
        """Whether training came to its end; False after going back to a checkpoint."""
        try:
            if self.progress.settled < self.progress.step:  # a signal came in the midst of what is due after a step
                self._after_step(waited=0.0)
            self._leave_if_asked()
            batches = _prefetcher(self.job)
            for samples, host_batches in batches:
                self.step(samples, host_batches)
                self.guard.note(self.progress.step, samples.indices)
                self._after_step(waited=batches.waited)
                self._leave_if_asked()
                if self.is_over:
                    break
            self._leave_if_asked(is_last=True)
            self.guard.read()
            self.saver.check_finite()
        except NonFiniteError as fault:
            self.saver.settle()
            self.guard = roll_back(self.job, fault, guard=self.guard, saver=self.saver)
            return False
        return True

    def _after_step(self, *, waited: float) -> None:
        """Log, evaluate and save where it is due. What was done before an interruption is not done again."""
        self.due = self.intervals.after(self.progress)
        self._log(waited)
        is_best = False
        if self.guard.is_calm:  # else the weights may not be finite any more: nothing to show, and no number of theirs
            self.cost.step_ended()
            is_best = self._evaluate()
        self.progress.settled = self.progress.step
        self._save(is_best=is_best)
        self.intervals.restart(self.due)
        self.cost.step_begins()

    def _log(self, waited: float) -> None:
        job, step = self.job, self.progress.step
        if self.progress.since and self.due.log:
            rates = {f"{HEALTH}lr.{n}": float(g.optimizer.param_groups[0]["lr"]) for n, g in job.update.groups.items()}
            values = {**self.meter.read(waited=waited), **rates, f"{HEALTH}skipped": float(self.guard.skipped)}
            with state.preserve_rng(job.model.device):
                job.observers.notify("logged", run=job.run, step=step, values=values)

    def _evaluate(self) -> bool:
        """Evaluate, or show samples, where it is due; whether this evaluation is the best so far."""
        patience, is_best = self.job.model.config.train.early_stopping_patience, False
        if self.due.evaluation:
            is_best = self.saver.best.update(self.validation.evaluate().metrics)
            self.is_over = patience is not None and self.progress.idle >= patience
        elif self.due.sample:
            self.validation.show_samples()
        return is_best

    def _save(self, *, is_best: bool) -> None:
        self.saver.settle(is_waiting=False)
        # The last step is saved after the last evaluation; what may be on its way to NaN is not saved at all.
        if self.progress.step < self.job.run.steps and self.guard.is_calm:
            is_due = self.due.save or self.requests.wants_save
            self.saver.save_due(is_due=is_due, is_best=is_best, is_milestone=self.due.milestone)

    def _between_pictures(self) -> None:
        """An evaluation may be long: a signal ends it, and it is done again when the run is resumed."""
        if self.job.world.size == 1:  # processes that leave at different pictures would wait for each other
            self._leave_if_asked()

    def _leave_if_asked(self, *, is_last: bool = False) -> None:
        self.requests.listen(is_last=is_last)
        if self.requests.stop:
            name = "Ctrl-C" if self.requests.stop == signal.SIGINT else signal.Signals(self.requests.stop).name
            path = self.saver.save(must=True, is_milestone=self.due.milestone)
            raise Interrupted(
                f"Stopped by {name} after step {self.progress.step}; checkpoint {path} is saved",
                signal=self.requests.stop,
                hint=f"To resume: imtrans resume {self.job.run.folder}",
            )


def _prefetcher(job: TrainingJob) -> Prefetcher:
    config, loading = job.model.config, job.training
    is_resident = "resident-samples" in speedups(config.train, job.model.device)
    return Prefetcher(
        loading=loading,
        order=remaining_samples(config, len(loading.source.dataset), job.progress),
        workers=config.data.workers,
        world=job.world,
        parts=config.train.grad_accum_steps,
        load=ResidentLoader(job.model.device) if is_resident else None,
    )
