"""Training: steps, and what happens between them."""

import contextlib
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from imtrans.engine.checkpoints import checkpoint_paths, resume, state
from imtrans.engine.data.loader import prepare
from imtrans.engine.data.pair_loader import HostBatch
from imtrans.engine.data.prefetch import Prefetcher
from imtrans.engine.data.sampler import SampleIndex, StepSamples
from imtrans.engine.evaluation import scoring
from imtrans.engine.evaluation.scoring import Scores, Tick
from imtrans.engine.runs import run_dir
from imtrans.engine.training import nonfinite, oom
from imtrans.engine.training.checkpoint_saver import CheckpointSaver
from imtrans.engine.training.job import TrainingJob, TrainingResult, order
from imtrans.engine.training.meters import HEALTH, LossMeter
from imtrans.engine.training.nonfinite import NonFiniteError, NonFiniteGuard
from imtrans.engine.training.signal_handlers import SignalFlags, capture_signals
from imtrans.errors import DivergedError, Interrupted, join_names
from imtrans.interfaces import Metric

SAVE_EVERY = 2000


def fit(job: TrainingJob, *, tick: Tick | None = None) -> TrainingResult:
    """Train to the end, or until a signal; observers hear of all of it, also of a failure.

    `tick(done, count)` is called for each picture of the last evaluation.
    """
    error: BaseException | None = None
    given = job.model.config.data
    with capture_signals() as asked:
        job.observers.notify("run_started", run=job.run)
        training = _Training(job, tick, asked)
        size = -(-given.batch_size // job.world.size)
        try:
            with oom.map_oom_errors(job.model.device, size=size, workers=given.workers, fitting=training.fitting):
                return training.run()
        except BaseException as raised:
            error = raised
            raise
        finally:
            job.observers.notify("run_finished", run=job.run, error=error)


class _Training:
    def __init__(self, job: TrainingJob, tick: Tick | None, asked: SignalFlags) -> None:
        self.job, self.model, self.config, self.tick = job, job.model, job.model.config, tick
        self.progress, self.world = job.progress, job.world
        self.meter = LossMeter(job.progress, job.world)
        self.guard = NonFiniteGuard(update=job.update, every=self.config.train.log_every)
        self.keeper = CheckpointSaver(job)
        self.keeper.last = job.start
        self.asked = asked
        self.stop, self.wants_save = 0, False  # as all processes heard it: a signal may come to one, at any moment
        self.last: HostBatch | None = None
        self.is_over = False

    def run(self) -> TrainingResult:
        if self.job.random is None:
            state.seed(self.config.train.seed, rank=self.world.rank)
        else:
            state.restore_rng_state(self.job.random, self.model.device)
        if self.config.train.compile:
            for network in self.model.networks.values():
                network.compile()
        self.keeper.write_best()
        while not self._trained():  # it went back to a checkpoint: on from there
            continue
        scores = self._evaluate(is_last=True)
        path = self.keeper.save(must=True)
        assert path is not None
        return TrainingResult(step=self.progress.step, scores=scores, checkpoint=path)

    def fitting(self) -> int:
        """How many pictures of the last batch could be trained on at once, found by trying; 0: not even one.

        To be called when training has failed for lack of memory: the weights are of no use afterwards.
        """
        stored, self.job.update.faults = self.last, []
        if stored is None or len(stored.keys) < 2:
            return 0
        self.job.update.end()
        return oom.largest(len(stored.keys), lambda size: self._trial(stored, size))

    def _trial(self, stored: HostBatch, size: int) -> None:
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()
        self.job.update.begin(self.progress.step)
        self._part(_first(stored, size), whole=size, is_partial=False)

    def _trained(self) -> bool:
        """Whether training came to its end; else it went back to a checkpoint and is to go on from there."""
        try:
            if self.progress.settled < self.progress.step:
                self._between(waited=0.0)
            self._listen()
            self._leave_if_asked()
            feed = self._feed()
            for step, stored in feed:
                self._step(step, stored)
                self._between(waited=feed.waited)
                self._listen()
                self._leave_if_asked()
                if self.is_over:
                    break
            self.guard.read()
            self.keeper.check_finite()
        except NonFiniteError as fault:
            self._roll_back(fault)
            return False
        return True

    def _feed(self) -> Prefetcher:
        config, loading = self.config, self.job.training
        return Prefetcher(
            loading=loading,
            order=order(config, len(loading.source.dataset), self.progress),
            workers=config.data.workers,
            world=self.world,
            parts=config.train.grad_accum_steps,
        )

    def _step(self, step: StepSamples, stored: Sequence[HostBatch]) -> None:
        update, progress = self.job.update, self.progress
        whole = step.count(self.world.size)
        update.begin(progress.step)
        for part in stored:
            self._part(part, whole=whole, is_partial=len(stored) > 1)
        update.end()
        for name, average in self.model.averages.items():
            average.update_parameters(self.model.networks[name])
        norms = {f"{HEALTH}gradient.{name}": norm for name, norm in update.norms.items()}
        self.meter.add(norms, whole / self.world.size)
        progress.since += whole
        progress.step, progress.position = progress.step + 1, step.after
        self.guard.note(progress.step, step.places)

    def _part(self, stored: HostBatch, *, whole: int, is_partial: bool) -> None:
        self.last = stored
        batch = prepare(stored, self.model.data_spec, self.model.device, self.job.augment)
        self.job.update.part(len(stored.keys) / whole, is_partial=is_partial)
        with _precision(self.model.device, self.config.train.precision):
            values = self.model.method.train_step(batch, self.job.update, step=self.progress.step)
        self.meter.add(values, len(stored.keys))

    def _between(self, *, waited: float) -> None:
        """Everything that is due after a step. What was done before an interruption is not done again."""
        train, step, last = self.config.train, self.progress.step, self.job.run.steps
        if self.progress.since and (step % train.log_every == 0 or step in (1, last)):
            self._log(waited)
        is_best = False
        if step < last and train.evaluate_every and step % train.evaluate_every == 0:
            is_best = self.keeper.update_best(self._evaluate().metrics)
            self.is_over = (
                train.early_stopping_patience is not None and self.progress.idle >= train.early_stopping_patience
            )
        elif step < last and step % (train.sample_every or max(1, min(500, last // 10))) == 0:
            with state.preserve_rng(self.model.device):
                self._sample({})
        self.progress.settled = step
        is_due = step % (train.save_every or SAVE_EVERY) == 0
        is_milestone = bool(train.milestone_every) and step % (train.milestone_every or 1) == 0
        is_wanted = is_best or is_due or is_milestone or self.wants_save
        if step < last and self.guard.is_calm and is_wanted and self.keeper.save() and is_best:
            self.keeper.write_best()

    def _log(self, waited: float) -> None:
        rates = {f"{HEALTH}lr.{n}": g.optimizer.param_groups[0]["lr"] for n, g in self.job.update.groups.items()}
        values = {**self.meter.read(waited=waited), **rates, f"{HEALTH}skipped": float(self.guard.skipped)}
        with state.preserve_rng(self.model.device):
            self.job.observers.notify("logged", run=self.job.run, step=self.progress.step, values=values)

    def _evaluate(self, *, is_last: bool = False) -> Scores:
        with state.preserve_rng(self.model.device):
            return self._evaluated(is_last=is_last)

    def _evaluated(self, *, is_last: bool) -> Scores:
        job, metrics = self.job, self._measured()
        mean = scoring.mean_target(self.model, job.plain_training) if is_last and metrics else None
        found = (
            scoring.scores(self.model, metrics, job.validation, mean=mean, tick=self._tick, world=self.world)
            if metrics
            else Scores(metrics={})
        )
        beside = {f"{name}_of_mean_picture": value for name, value in found.baseline.items()}
        self._sample({**found.metrics, **beside}, worst=found.worst)
        return found

    def _measured(self) -> Mapping[str, Metric]:
        """The metrics; none where no picture has a target of its own."""
        return self.job.metrics if self.config.dataset.component.info.is_paired else {}

    def _tick(self, done: int, count: int) -> None:
        """Evaluation may be long: it is left for a signal, and done again when the run goes on."""
        if self.tick and self.progress.step >= self.job.run.steps:
            self.tick(done, count)
        if self.world.size == 1:
            self._listen()
            self._leave_if_asked()

    def _sample(self, metrics: Mapping[str, float], *, worst: Sequence[int] = ()) -> None:
        if not self.world.is_first:
            return
        job, count = self.job, self.config.train.num_samples
        shown = scoring.samples(self.model, job.validation, count, metrics=self._measured(), worst=worst)
        step = self.progress.step
        self.job.observers.notify("evaluated", run=self.job.run, step=step, metrics=metrics, samples=shown)

    def _listen(self) -> None:
        """Hear what any of the processes was asked for: they save, and they leave, together."""
        told = self.world.max(2 * self.asked.stop + self.asked.wants_save)
        self.asked.wants_save = False
        self.stop, self.wants_save = told // 2, bool(told % 2)

    def _leave_if_asked(self) -> None:
        number = self.stop
        if number:
            path, name = self.keeper.save(must=True), signal.Signals(number).name
            raise Interrupted(
                f"stopped by {name} after step {self.progress.step}; checkpoint {path} is saved",
                signal=number,
                hint=f"To go on: imtrans resume {self.job.run.folder}",
            )

    def _roll_back(self, fault: NonFiniteError) -> None:
        """Go back to the newest checkpoint, three times at most; DivergedError then, or where there is none."""
        job, count = self.job, self.progress.rollbacks + 1
        place = self.world.on_first(
            lambda: checkpoint_paths.newest(job.run.folder) if job.run.folder.is_dir() else None
        )
        if place is None or count > nonfinite.MOST_ROLLBACKS:
            again = f", for the {count}th time" if place else ""
            raise DivergedError(
                f"training diverged: {fault.what} not finite at step {fault.step}{again}{self._batch(fault.places)}",
                hint="Try a lower learning rate (--lr), and look at these pictures.",
            )
        resume.restore(place, model=self.model, update=job.update, progress=self.progress, world=self.world)
        if self.world.is_first:
            run_dir.cut_metrics(job.run.folder, self.progress.step)
            print(  # noqa: T201
                f"Warning: {fault.what} not finite at step {fault.step}; back to {place}", file=sys.stderr
            )
        # The same pictures in the same order, but other noise: else the same would happen again.
        state.seed(self.config.train.seed + 7919 * count, rank=self.world.rank)
        self.progress.rollbacks, self.keeper.last = count, place
        job.update.faults = []
        self.guard = NonFiniteGuard(update=job.update, every=self.config.train.log_every, skipped=self.guard.skipped)

    def _batch(self, places: Sequence[SampleIndex]) -> str:
        dataset = self.job.training.source.dataset
        names = [str(f) for p in places for f in dataset.files(p.index)]
        keys = names or [dataset[p.index].key for p in places]
        return f" (last batch: {join_names(keys, most=6)})" if keys else ""


def _precision(device: torch.device, name: str) -> contextlib.AbstractContextManager[Any]:
    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(name)
    return torch.autocast(device.type, half) if half else contextlib.nullcontext()


def _first(stored: HostBatch, count: int) -> HostBatch:
    extras = {k: v[:count] for k, v in stored.extras.items()}
    return HostBatch(stored.source[:count], stored.target[:count], extras, stored.keys[:count], stored.draws[:count])
