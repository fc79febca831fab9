"""From a RunConfig to a job that is ready to train, in its run folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imtrans.config.dataset_argument import needs_pairs
from imtrans.config.schema import RunConfig
from imtrans.engine import build, distributed
from imtrans.engine import device as devices
from imtrans.engine.checkpoints import init_weights, required_plugins, resume, state
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.checkpoints.disk_use import disk_use
from imtrans.engine.checkpoints.resume import ResumePoint
from imtrans.engine.checkpoints.state import Progress
from imtrans.engine.data import run_summary, skipped_samples
from imtrans.engine.data.cache import with_cache
from imtrans.engine.data.pair_loader import PairLoader, open_split, open_training
from imtrans.engine.data.sampler import SampleIndex
from imtrans.engine.data.splits.held_out import check_disjoint
from imtrans.engine.distributed import ProcessGroup
from imtrans.engine.evaluation.bound_metrics import BoundMetrics, bind_metrics
from imtrans.engine.evaluation.eval_samples import metric_spec
from imtrans.engine.evaluation.protocol import run_protocol
from imtrans.engine.inference.stored_sizes import stored_sizes
from imtrans.engine.optim.optimizer_step import OptimizerStep, optimizer_step
from imtrans.engine.runs import run_dir
from imtrans.engine.training.checkpoint_saver import KEEP
from imtrans.engine.training.hooks import HookCaller, register
from imtrans.engine.training.intervals import Intervals
from imtrans.engine.training.job import TrainingJob, remaining_samples
from imtrans.engine.validation.method_check import check_translation
from imtrans.engine.validation.preflight import screen
from imtrans.engine.validation.sample_size import check_axes, check_size
from imtrans.errors import ConfigError, join_names
from imtrans.interfaces import Augmentation, Run
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
    """Build everything, read the first pair, and make the run folder. What can be refused is refused here.

    With `start` the run in `folder` is resumed, from its checkpoint where it has one.
    """
    device = devices.choose(config.train.device)
    world, factory = distributed.join(device, timeout=config.train.timeout), build.ComponentFactory(catalog)
    _check_world(config, world)
    _check_pairs(config, catalog)
    splits, augment = _open_splits(config, factory, folder=folder, start=start, world=world)
    first = splits.training.pair(SampleIndex(0, 0))[0]
    devices.prepare(config.train)
    data_spec = replace(splits.training.data_spec, stored=stored_sizes(splits.plain))
    purpose: build.Purpose = "resume" if start and start.checkpoint else "train"
    model = build.model(config, data_spec, factory=factory, device=device, seed=config.train.seed, purpose=purpose)
    check_axes(model, first.source.shape[:-1], catalog)
    check_size(model, first.source.shape[:-1], factory=factory, catalog=catalog)
    check_translation(model, splits.plain)
    if start and not start.accepts_data:
        resume.check_data(folder, splits.as_stored)
    metrics = _metrics(model, factory, catalog)
    # In the first process alone: it calls the observers, and may find that one is not installed.
    world.on_first(lambda: register(plugins.manager, {c.name: factory.from_resolved(c) for c in config.observers}))
    job = _job(model, splits, metrics, folder=folder, start=start, world=world, plugins=plugins, is_quiet=is_quiet)
    job = replace(job, run=replace(job.run, facts={**job.run.facts, "disk": _disk_use(job)}))
    world.on_first(lambda: _record(job.run, plugins, splits.as_stored, start))
    return replace(job, augment=augment)


class Splits(NamedTuple):
    """The pairs to train on at the size that the augmentation asks for, the same at the size of training, and those of
    validation."""

    training: PairLoader
    plain: PairLoader
    validation: PairLoader

    @property
    def as_stored(self) -> dict[str, PairLoader]:
        """By the names under which a run folder lists their files."""
        return {"train": self.plain, "val": self.validation}


def _open_splits(
    config: RunConfig, factory: build.ComponentFactory, *, folder: Path, start: ResumePoint | None, world: ProcessGroup
) -> tuple[Splits, Sequence[Augmentation]]:
    """The splits without bad samples, and from the cache; the augmentation for them."""
    run, checkpoint = folder if start else None, start.checkpoint if start else None
    known = checkpoints_io.data_spec(checkpoint) if checkpoint else None
    training, plain, augment = open_training(config, factory, run=run, data_spec=known)
    # Every split is read as the training pairs are: what a side is was found over all of them.
    validation = open_split(config, "val", run=run, data_spec=training.data_spec)
    check_disjoint(training.source.dataset, validation.source.dataset)
    training, plain, validation = screen(config, (training, plain, validation), folder=folder, start=start, world=world)
    if not start:
        _check_batch(config, len(training.source.dataset))
    training, validation = with_cache((training, validation), config.data.cache, is_silent=not world.is_first)
    return Splits(training, plain, validation), augment


def _check_batch(config: RunConfig, count: int) -> None:
    if config.data.batch_size > count:
        what = (
            f"data.batch_size {config.data.batch_size}: there {'is' if count == 1 else 'are'} only {count} to train on"
        )
        raise ConfigError(what, hint=f"Use at most all of them: --batch-size {count}")


def _metrics(model: build.Model, factory: build.ComponentFactory, catalog: Catalog) -> BoundMetrics:
    protocol = run_protocol(model, catalog)
    return bind_metrics(protocol, factory, catalog, data_spec=metric_spec(model.data_spec), may_be_empty=True)


def _job(
    model: build.Model,
    splits: Splits,
    metrics: BoundMetrics,
    *,
    folder: Path,
    start: ResumePoint | None,
    world: ProcessGroup,
    plugins: "Plugins",
    is_quiet: bool,
) -> TrainingJob:
    """The job with its state: that of the checkpoint it is resumed from, else that of a run that begins."""
    config, checkpoint, progress = model.config, start.checkpoint if start else None, Progress()
    if checkpoint:
        resume.read_progress(checkpoint, progress)
    steps = progress.step + remaining_samples(config, len(splits.training.source.dataset), progress).steps
    epoch = -(-len(splits.training.source.dataset) // config.data.batch_size)
    update = optimizer_step(model, steps=steps, epoch=epoch, world=world)
    notes = _fill(model, update, progress, world=world, start=start)
    random = state.rng_state(model.device) if checkpoint else None  # before anything built later draws from it
    world.broadcast(v for network in model.networks.values() for v in network.state_dict().values())
    facts = run_summary.run_facts(model, splits.training, splits.validation) | _notes(metrics, notes)
    numbers = {name: is_higher for m in metrics.metrics for name, is_higher in m.numbers.items()}
    is_quiet = is_quiet or not world.is_first
    run = Run(folder=folder, config=config, steps=steps, start=progress.step, facts=facts, is_quiet=is_quiet)
    return TrainingJob(
        run=replace(run, numbers=numbers, pairs=len(splits.training.source.dataset)),
        model=model,
        training=splits.training,
        validation=splits.validation,
        plain_training=splits.plain,
        update=update,
        observers=HookCaller(plugins.manager, is_on=world.is_first),
        plugins=required_plugins.record(config, plugins.versions(), Catalog(plugins.records)),
        metrics=metrics.metrics,
        progress=progress,
        start=checkpoint,
        random=random,
        world=world,
    )


def _disk_use(job: TrainingJob) -> str:
    intervals, has_best = Intervals.of(job), bool(job.metrics) and job.run.config.dataset.component.info.is_paired
    return disk_use(
        job.model,
        job.update,
        job.run.folder,
        checkpoints=job.run.config.train.keep_last or KEEP,
        milestones=intervals.times("milestone"),
        has_best=has_best and intervals.times("evaluation") > 0,
    )


def _notes(metrics: BoundMetrics, resumed: Sequence[str]) -> dict[str, str]:
    left_out = f"metrics of other targets: {join_names(metrics.left_out)}" if metrics.left_out else ""
    return {name: text for name, text in (("left out", left_out), ("resumed", "; ".join(resumed))) if text}


def _check_world(config: RunConfig, world: ProcessGroup) -> None:
    """Refuse processes with different configurations, and a batch that cannot be shared among them."""
    trees = world.gather(config.tree())
    different = [rank for rank, tree in enumerate(trees) if tree != trees[0]]
    if different:
        raise ConfigError(
            f"process {different[0]} was given another configuration than process 0",
            hint="Use the same arguments on every rank.",
        )
    if config.data.batch_size % world.size:
        fitting = -(-config.data.batch_size // world.size) * world.size
        raise ConfigError(
            f"data.batch_size {config.data.batch_size}: cannot be shared by {world.size} devices",
            hint=f"It counts the pictures of a step over all devices: --batch-size {fitting}",
        )


def _fill(
    model: build.Model,
    update: OptimizerStep,
    progress: Progress,
    *,
    world: ProcessGroup,
    start: ResumePoint | None,
) -> list[str]:
    """Fill the model with the weights it starts from; returns lines for people."""
    if start and start.checkpoint:
        lines = resume.restore(
            start.checkpoint,
            model=model,
            update=update,
            progress=progress,
            world=world,
            weights_only=start.weights_only,
        )
        return [f"from {start.checkpoint}", *lines]
    path = model.config.train.init
    return init_weights.fill(model, Path(path)) if path else []


def _record(run: Run, plugins: "Plugins", loaders: dict[str, PairLoader], start: ResumePoint | None) -> None:
    is_known = start is not None and bool(run_dir.record(run.folder))
    if start is None:
        run_dir.acquire(run.folder, is_new=True)
    if start is None or start.accepts_data or not is_known:
        resume.remember_data(run.folder, run.config, loaders)
        skipped_samples.begin(loader.skip_log for loader in loaders.values() if loader.skip_log)
    if start and is_known:
        run_dir.reopen(run, why=start.reason)
    else:
        run_dir.make(run, plugins)


def _check_pairs(config: RunConfig, catalog: Catalog) -> None:
    if config.info.needs_pairs and not config.dataset.component.info.is_paired:
        recipes = [e.name for e in catalog.entries("recipe") if not needs_pairs(catalog, e.name)]
        fitting = f"Recipes for unpaired pictures: imtrans run {join_names(recipes, most=4)}" if recipes else ""
        what = f"method {config.method.name!r} needs pairs, and data set {config.dataset.name!r} has none"
        raise ConfigError(what, hint=fitting or "Use a method that needs none: imtrans list methods")
    if config.data.folds and not config.dataset.component.info.is_paired:
        what = f"data.folds {config.data.folds}: data set {config.dataset.name!r} has no pairs to deal into parts"
        raise ConfigError(what, hint="Leave --folds out.")
