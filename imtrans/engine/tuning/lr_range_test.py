"""The range test of learning rates (Smith 2017, arXiv 1506.01186): one short training in which the rate rises."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imtrans.config.schema import RunConfig
from imtrans.engine.checkpoints import state
from imtrans.engine.data.prefetch import Prefetcher
from imtrans.engine.training.job import TrainingJob, remaining_samples
from imtrans.engine.training.meters import LossMeter
from imtrans.engine.training.train_step import TrainStep
from imtrans.interfaces import Tick
from imtrans.kit.report.metric_history import HEALTH

LOWEST, HIGHEST, STEPS = 1e-6, 1e-1, 150
WIDTH = 5.0  # steps: the standard deviation of the bell with which the curve is smoothed
RISE = 4.0  # times its least value the smoothed loss may rise before the test ends, as in fastai and Lightning
NOISE = 2.0  # standard deviations about the curve that a fall must have
RIVALS = ("adversarial", "discriminator", "penalty")  # kinds of slots whose losses do not fall when a GAN learns

Curve = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LRRangeTest:
    """The loss at each learning rate, rising by a constant factor; `loss` is the sum of the terms `terms`.

    `suggestion` is the rate at which the smoothed loss falls most steeply, before its least value; None where it does
    not fall by more than its noise.
    """

    rates: Sequence[float]
    losses: Sequence[float]
    terms: Sequence[str]

    @property
    def smooth(self) -> Curve:
        """The losses, each as the mean of its neighbours, weighted by a bell of 5 steps."""
        values, at = np.asarray(self.losses, float), np.arange(len(self.losses))
        weights = np.exp(-0.5 * ((at[:, None] - at) / WIDTH) ** 2)
        return np.asarray(weights @ values / weights.sum(1))

    @property
    def suggestion(self) -> float | None:
        """The learning rate to try; None where the loss does not fall."""
        if len(self.losses) < 3:
            return None
        curve, least = self.smooth, int(self.smooth.argmin())
        noise = float(np.std((np.asarray(self.losses) - curve)[: least + 1]))
        if least < 2 or curve[: least + 1].max() - curve[least] < NOISE * noise:
            return None
        steepest = int(np.gradient(curve, np.log(self.rates))[: least + 1].argmin())
        return float(f"{self.rates[steepest]:.1e}")


def learned_terms(config: RunConfig, logged: Sequence[str]) -> list[str]:
    """Those of the values that a method logs which fall when it learns: neither those of the adversarial game nor the
    single terms of a sum."""
    kinds = {name: slot.kind for name, slot in config.info.slots.items()}
    return [n for n in logged if not n.startswith(HEALTH) and "." not in n and kinds.get(n) not in RIVALS]


def lr_range_test(job: TrainingJob, *, tick: Tick | None = None) -> LRRangeTest:
    """Train the job's `run.steps` steps at rising rates, until the loss has risen to four times its least value or is
    not finite. Every optimizer's rate rises by the same factor; `rates` are those of the first."""
    state.seed(job.model.config.train.seed, rank=job.world.rank)
    rates = np.geomspace(LOWEST, HIGHEST, job.run.steps)
    first = next(iter(job.update.groups.values())).lrs[0]
    job.update.factor = lambda step: float(rates[step]) / first
    found, terms = list[float](), list[str]()
    for values in _trained(job):
        terms = terms or learned_terms(job.model.config, list(values))
        found.append(sum(values[name] for name in terms))
        if tick:
            tick(len(found), len(rates))
        if _is_over(found) or any(bool(bad) for _, bad in job.update.faults):
            break
    kept = [i for i, loss in enumerate(found) if math.isfinite(loss)] if terms else []
    return LRRangeTest(rates=[float(rates[i]) for i in kept], losses=[found[i] for i in kept], terms=terms)


def _trained(job: TrainingJob) -> Iterator[Mapping[str, float]]:
    """What the method logs in each step."""
    config, count = job.model.config, len(job.training.source.dataset)
    meter = LossMeter(job.progress, job.world)
    step = TrainStep(job, meter)
    order = remaining_samples(config, count, job.progress)
    parts = config.train.grad_accum_steps
    batches = Prefetcher(loading=job.training, order=order, workers=0, world=job.world, parts=parts)
    for samples, host_batches in batches:
        step(samples, host_batches)
        yield meter.read(waited=0.0)


def _is_over(losses: Sequence[float]) -> bool:
    if not math.isfinite(losses[-1]):
        return True
    recent = [float(np.mean(losses[max(0, i - 4) : i + 1])) for i in range(len(losses))]
    return len(losses) > 10 and recent[-1] > RISE * min(recent)
