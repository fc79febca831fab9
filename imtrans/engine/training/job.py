"""A training that is ready to begin, and how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from imtrans.config.schema import RunConfig
from imtrans.engine.build import Model
from imtrans.engine.checkpoints.state import Progress
from imtrans.engine.data.pair_loader import PairLoader
from imtrans.engine.data.sampler import EpochSampler
from imtrans.engine.distributed import ProcessGroup
from imtrans.engine.evaluation.bound_metrics import BoundMetric
from imtrans.engine.evaluation.scoring import Scores
from imtrans.engine.optim.optimizer_step import OptimizerStep
from imtrans.engine.training.hooks import HookCaller
from imtrans.interfaces import Augmentation, Run


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """Everything a training needs, built.

    `progress` is where it begins, `start` the checkpoint that it is resumed from, `random` the state of the generators
    there (None: they are seeded). `plain_training` has the training pairs without augmentation, for the mean image.
    """

    run: Run
    model: Model
    training: PairLoader
    validation: PairLoader
    plain_training: PairLoader
    update: OptimizerStep
    observers: HookCaller
    plugins: Mapping[str, Any]
    augment: Sequence[Augmentation] = ()
    metrics: Sequence[BoundMetric] = ()
    progress: Progress = field(default_factory=Progress)
    start: Path | None = None
    random: Mapping[str, Any] | None = None
    world: ProcessGroup = field(default_factory=ProcessGroup)


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """How a training ended."""

    step: int
    scores: Scores
    checkpoint: Path


def remaining_samples(config: RunConfig, count: int, progress: Progress) -> EpochSampler:
    """The rest of a run over `count` training samples; its length follows from steps, else from epochs."""
    train, position = config.train, progress.position
    rest = EpochSampler(count=count, batch_size=config.data.batch_size, seed=train.seed, steps=0, start=position)
    steps = max(0, train.steps - progress.step) if train.steps else rest.steps_to(train.epochs or 0)
    return replace(rest, steps=steps)
