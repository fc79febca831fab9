"""From a RunConfig to a job that is ready to train, in its run folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imtrans.config.schema import RunConfig
from imtrans.engine import build, distributed
from imtrans.engine import device as devices
from imtrans.engine.checkpoints import init_weights, resume, state
from imtrans.engine.checkpoints.resume import ResumePoint
from imtrans.engine.checkpoints.state import Progress
from imtrans.engine.data import run_summary, skipped_samples
from imtrans.engine.data.cache import with_cache
from imtrans.engine.data.pair_loader import PairLoader, open_split
from imtrans.engine.data.sampler import SampleIndex
from imtrans.engine.distributed import ProcessGroup
from imtrans.engine.optim import optimizer_step
from imtrans.engine.runs import run_dir
from imtrans.engine.training.hooks import HookCaller
from imtrans.engine.training.job import TrainingJob, order
from imtrans.engine.validation.preflight import screen
from imtrans.errors import ConfigError
from imtrans.interfaces import Augmentation, Pair, Run
from imtrans.plugins.catalog import Catalog

if TYPE_CHECKING:
    from imtrans.plugins.discovery import Plugins


def setup_training(
    config: RunConfig,
    *,
    catalog: Catalog,
    plugins: "Plugins",
    folder: Path,
    start: ResumePoint | None = None,
    is_quiet: bool = False,
) -> TrainingJob:
    """Build everything, look at the first pair, and make the run folder. What can be refused is refused here.

    With `start` the run in `folder` goes on, from its checkpoint where it has one.
    """
    device = devices.choose(config.train.device)
    world, maker = distributed.join(device, patience=config.train.timeout), build.ComponentFactory(catalog)
    _check_world(config, world)
    augment = build.augmentations(config, maker)
    _check_pairs(config)
    training, plain, validation = _splits(config, augment, folder=folder, start=start, world=world)
    first = training.pair(SampleIndex(0, 0))[0]
    devices.prepare(config.train)
    live = build.model(config, training.data_spec, maker=maker, device=device, seed=config.train.seed)
    _check_size(config, live, first)
    loadings, kept = {"train": plain, "val": validation}, start.checkpoint if start else None
    if start and not start.accepts_data:
        resume.check_data(folder, loadings)
    progress = Progress()
    if kept:
        resume.read_progress(kept, progress)
    steps = progress.step + order(config, len(training.source.dataset), progress).steps
    update = optimizer_step.updater(live, steps=steps, world=world)
    notes = _filled(live, update, progress, world=world, start=start)
    numbers = state.rng_state(device) if kept else None  # what is built below may draw some
    world.broadcast(v for network in live.networks.values() for v in network.state_dict().values())
    told = {**run_summary.run_facts(live, training, validation), **({"resumed": "; ".join(notes)} if notes else {})}
    run = Run(
        folder=folder,
        config=config,
        steps=steps,
        start=progress.step,
        facts=told,
        is_quiet=is_quiet or not world.is_first,
    )
    world.on_first(lambda: _recorded(run, plugins, loadings, start))
    return TrainingJob(
        run=run,
        model=live,
        augment=augment,
        training=training,
        validation=validation,
        plain_training=plain,
        metrics=build.metrics(config, maker, training.data_spec),
        update=update,
        observers=HookCaller(plugins.manager, is_on=world.is_first),
        plugins=plugins.versions(),
        progress=progress,
        start=kept,
        random=numbers,
        world=world,
    )


def _splits(
    config: RunConfig, augment: Sequence[Augmentation], *, folder: Path, start: ResumePoint | None, world: ProcessGroup
) -> tuple[PairLoader, PairLoader, PairLoader]:
    """The pairs to train on as the augmentation asks for them, the same as they are, and those of validation: without
    bad ones, and from the cache where it keeps them."""
    asked = (open_split(config, "train", augment=augment), open_split(config, "train"), open_split(config, "val"))
    training, plain, validation = screen(config, asked, folder=folder, start=start, world=world)
    training, validation = with_cache((training, validation), config.data.cache, is_silent=not world.is_first)
    return training, plain, validation


def _check_world(config: RunConfig, world: ProcessGroup) -> None:
    """Every process must do the same, and a batch must be there for each."""
    told = world.gather(config.tree())
    odd = [rank for rank, tree in enumerate(told) if tree != told[0]]
    if odd:
        raise ConfigError(f"process {odd[0]} was given another configuration than process 0", hint="Start all alike.")
    if config.data.batch_size % world.size:
        fitting = -(-config.data.batch_size // world.size) * world.size
        raise ConfigError(
            f"data.batch_size {config.data.batch_size}: cannot be shared by {world.size} devices",
            hint=f"It counts the pictures of a step over all devices: --batch-size {fitting}",
        )


def _filled(
    live: build.Model,
    update: optimizer_step.OptimizerStep,
    progress: Progress,
    *,
    world: ProcessGroup,
    start: ResumePoint | None,
) -> list[str]:
    """Fill the model with what it begins with; gives lines for people."""
    if start and start.checkpoint:
        lines = resume.restore(
            start.checkpoint,
            model=live,
            update=update,
            progress=progress,
            world=world,
            weights_only=start.weights_only,
        )
        return [f"from {start.checkpoint}", *lines]
    given = live.config.train.init
    return init_weights.fill(live, Path(given)) if given else []


def _recorded(run: Run, plugins: "Plugins", loadings: dict[str, PairLoader], start: ResumePoint | None) -> None:
    is_known = start is not None and bool(run_dir.record(run.folder))
    if start is None:
        run_dir.acquire(run.folder, is_new=True)
    if start is None or start.accepts_data or not is_known:
        resume.remember_data(run.folder, run.config, loadings)
        skipped_samples.begin(loading.skip_log for loading in loadings.values() if loading.skip_log)
    if start and is_known:
        run_dir.reopen(run, why=start.reason)
    else:
        run_dir.make(run, plugins)


def _check_pairs(config: RunConfig) -> None:
    if config.info.needs_pairs and not config.dataset.component.info.is_paired:
        raise ConfigError(f"method {config.method.name!r} needs pairs, and data set {config.dataset.name!r} has none")


def _check_size(config: RunConfig, live: build.Model, first: Pair) -> None:
    """Refuse a training size that the network cannot take, before the first step."""
    spatial = first.source.shape[:-1]
    size = [*config.data.size] * len(spatial) if len(config.data.size) == 1 else [*(config.data.size or spatial)]
    stride = live.method.geometry.stride
    if any(n % stride for n in size):
        near = " or ".join(
            str(n) for n in sorted({max(stride, size[0] // stride * stride), -(-size[0] // stride) * stride})
        )
        raise ConfigError(
            f"data.size {size}: the network takes multiples of {stride}",
            hint=f"Use --set data.size={near}, or a generator of less depth.",
        )
