"""A training that is ready to begin, and how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from imtrans.engine.build import Model
from imtrans.engine.data import Loading
from imtrans.engine.evaluate import Scores
from imtrans.engine.observers import Observers
from imtrans.engine.order import Order
from imtrans.engine.ranks import World
from imtrans.engine.state import Progress
from imtrans.engine.updates import Updater
from imtrans.interfaces import Augmentation, Metric, Run


@dataclass(frozen=True, kw_only=True)
class Job:
    """Everything a training needs, built. `progress` is where it begins, `start` the checkpoint that it comes from,
    `random` the state of the generators there (none: they begin with the seed)."""

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
    progress: Progress = field(default_factory=Progress)
    start: Path | None = None
    random: Mapping[str, Any] | None = None
    world: World = field(default_factory=World)


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a training ended."""

    step: int
    scores: Scores
    checkpoint: Path


def order(config: Any, count: int, progress: Progress) -> Order:
    """The rest of a run over `count` training samples; its length follows from steps, else from epochs."""
    given = config.data
    whole = Order(count=count, batch_size=given.batch_size, seed=config.train.seed, steps=0, start=progress.position)
    wanted = config.train.steps
    return replace(whole, steps=max(0, wanted - progress.step) if wanted else whole.steps_to(config.train.epochs))
