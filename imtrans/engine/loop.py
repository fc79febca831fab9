"""Training: steps, updates, and what happens between them."""

import contextlib
import math
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from imtrans.engine import checkpoint, evaluate
from imtrans.engine.build import Model
from imtrans.engine.data import Loading, Order, loader, prepare
from imtrans.engine.evaluate import Scores, Tick
from imtrans.engine.observers import Observers
from imtrans.engine.updates import Updater
from imtrans.errors import DivergedError, Interrupted
from imtrans.fsio import remove_folder
from imtrans.interfaces import Augmentation, Metric, Run

SAVE_EVERY = 2000


@dataclass(frozen=True, kw_only=True)
class Job:
    """Everything a training needs, built."""

    run: Run
    model: Model
    augment: Sequence[Augmentation]
    training: Loading
    validation: Loading
    plain_training: Loading
    metrics: Mapping[str, Metric]
    update: Updater
    observers: Observers
    plugins: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a training ended."""

    step: int
    scores: Scores
    checkpoint: Path


def total_steps(config: Any, count: int) -> int:
    """The length of a run over `count` training samples."""
    per_epoch = -(-count // config.data.batch_size)
    return int(config.train.steps or config.train.epochs * per_epoch)


def fit(job: Job, *, tick: Tick | None = None) -> Result:
    """Train to the end, or until a signal; observers hear of all of it, also of a failure.

    `tick(done, count)` is called for each picture of the last evaluation.
    """
    job.observers.notify("run_started", run=job.run)
    error: BaseException | None = None
    try:
        return _Training(job, tick).run()
    except BaseException as raised:
        error = raised
        raise
    finally:
        job.observers.notify("run_finished", run=job.run, error=error)


class _Training:
    def __init__(self, job: Job, tick: Tick | None) -> None:
        self.tick = tick
        self.job, self.model, self.config = job, job.model, job.model.config
        self.saved: Path | None = None
        self.sums: dict[str, Tensor] = {}
        self.since = 0

    def run(self) -> Result:
        job = self.job
        torch.manual_seed(self.config.train.seed)
        with _signals_noted() as signals:
            for step, stored in enumerate(self._batches(), 1):
                batch = prepare(stored, self.model.signals, self.model.device, job.augment)
                self._add(self.model.method.train_step(batch, job.update, step=step - 1))
                for name, average in self.model.averages.items():
                    average.update_parameters(self.model.networks[name])
                self._between(step, stored.keys)
                if signals and step < job.run.steps:
                    self._leave(step, signals[0])
        scores = self._evaluate(job.run.steps, is_last=True)
        return Result(step=job.run.steps, scores=scores, checkpoint=self._save(job.run.steps))

    def _batches(self) -> Iterator[Any]:
        config, loading = self.config, self.job.training
        order = Order(
            count=len(loading.source.dataset),
            batch_size=config.data.batch_size,
            seed=config.train.seed,
            start=0,
            stop=self.job.run.steps,
        )
        return loader(loading, order, workers=config.data.workers, pin=self.model.device.type == "cuda")

    def _between(self, step: int, keys: Sequence[str]) -> None:
        train, last = self.config.train, self.job.run.steps
        if step % train.log_every == 0 or step in (1, last):
            self._log(step, keys)
        if step < last and train.evaluate_every and step % train.evaluate_every == 0:
            self._evaluate(step)
        elif step < last and step % (train.sample_every or max(1, min(500, last // 10))) == 0:
            self._sample(step, {})
        if step < last and step % (train.save_every or SAVE_EVERY) == 0:
            self._save(step)

    def _add(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, torch.zeros((), device=value.device)) + value.detach()
        self.since += 1

    def _log(self, step: int, keys: Sequence[str]) -> None:
        values = {name: float(total) / self.since for name, total in self.sums.items()}
        self.sums, self.since = {}, 0
        wrong = [name for name, value in values.items() if not math.isfinite(value)]
        self.job.observers.notify("logged", run=self.job.run, step=step, values=values)
        if wrong:
            raise DivergedError(
                f"training diverged: {', '.join(wrong)} not finite at step {step} (last batch: {', '.join(keys)})",
                mend="Try a lower learning rate (--lr), and look at these pictures.",
            )

    def _evaluate(self, step: int, *, is_last: bool = False) -> Scores:
        job = self.job
        paired = self.config.dataset.component.info.is_paired and job.metrics
        mean = evaluate.mean_picture(self.model, job.plain_training) if is_last and paired else None
        metrics = job.metrics if paired else {}
        found = (
            evaluate.scores(self.model, metrics, job.validation, mean=mean, tick=self.tick if is_last else None)
            if metrics
            else Scores(metrics={})
        )
        beside = {f"{name}_of_mean_picture": value for name, value in found.baseline.items()}
        self._sample(step, {**found.metrics, **beside})
        return found

    def _sample(self, step: int, metrics: Mapping[str, float]) -> None:
        shown = evaluate.samples(self.model, self.job.validation, self.config.train.samples)
        self.job.observers.notify("evaluated", run=self.job.run, step=step, metrics=metrics, samples=shown)

    def _save(self, step: int) -> Path:
        folder, before = self.job.run.folder, self.saved
        self.saved = checkpoint.save(self.model, folder, step=step, plugins=self.job.plugins)
        if before and before != self.saved:
            remove_folder(before)
        self.job.observers.notify("checkpoint_saved", run=self.job.run, step=step, path=self.saved)
        return self.saved

    def _leave(self, step: int, number: int) -> None:
        path = self._save(step)
        name = signal.Signals(number).name
        raise Interrupted(f"stopped by {name} after step {step}; checkpoint {path} is saved", signal=number)


@contextlib.contextmanager
def _signals_noted() -> Iterator[list[int]]:
    """SIGINT and SIGTERM are noted, and acted upon between steps; a second one acts at once."""
    noted: list[int] = []
    before: dict[int, Any] = {}

    def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what the signal module calls
        noted.append(number)
        for known, handler in before.items():
            signal.signal(known, handler)

    if threading.current_thread() is threading.main_thread():
        before = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
