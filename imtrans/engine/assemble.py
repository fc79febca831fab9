"""From a RunConfig to a job that is ready to train, in its run folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imtrans.catalog import Catalog
from imtrans.config import RunConfig
from imtrans.engine import build, facts, initial, ranks, resuming, runfolder, skipping, state, updates
from imtrans.engine import device as devices
from imtrans.engine.beforehand import sound
from imtrans.engine.data import Loading
from imtrans.engine.decoding import keeping
from imtrans.engine.job import Job, order
from imtrans.engine.observers import Observers
from imtrans.engine.order import Place
from imtrans.engine.ranks import World
from imtrans.engine.resuming import Start
from imtrans.engine.state import Progress
from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import Augmentation, Pair, Run, Split
from imtrans.kit.images import Interpolation

if TYPE_CHECKING:
    from imtrans.plugins import Plugins


def assemble(
    config: RunConfig,
    *,
    catalog: Catalog,
    plugins: "Plugins",
    folder: Path,
    start: Start | None = None,
    is_quiet: bool = False,
) -> Job:
    """Build everything, look at the first pair, and make the run folder. What can be refused is refused here.

    With `start` the run in `folder` goes on, from its checkpoint where it has one.
    """
    device = devices.choose(config.train.device)
    world, maker = ranks.join(device, patience=config.train.timeout), build.Maker(catalog)
    _check_world(config, world)
    augment = build.augmentations(config, maker)
    _check_pairs(config)
    training, plain, validation = _splits(config, augment, folder=folder, start=start, world=world)
    first = training.pair(Place(0, 0))[0]
    devices.prepare(config.train)
    live = build.model(config, training.signals, maker=maker, device=device, seed=config.train.seed)
    _check_size(config, live, first)
    loadings, kept = {"train": plain, "val": validation}, start.checkpoint if start else None
    if start and not start.accepts_data:
        resuming.check_data(folder, loadings)
    progress = Progress()
    if kept:
        resuming.read_progress(kept, progress)
    steps = progress.step + order(config, len(training.source.dataset), progress).steps
    update = updates.updater(live, steps=steps, world=world)
    notes = _filled(live, update, progress, world=world, start=start)
    numbers = state.randomness(device) if kept else None  # what is built below may draw some
    world.same(v for network in live.networks.values() for v in network.state_dict().values())
    told = {**facts.facts(live, training, validation), **({"resumed": "; ".join(notes)} if notes else {})}
    run = Run(
        folder=folder,
        config=config,
        steps=steps,
        start=progress.step,
        facts=told,
        is_quiet=is_quiet or not world.is_first,
    )
    world.first(lambda: _recorded(run, plugins, loadings, start))
    return Job(
        run=run,
        model=live,
        augment=augment,
        training=training,
        validation=validation,
        plain_training=plain,
        metrics=build.metrics(config, maker, training.signals),
        update=update,
        observers=Observers(plugins.manager, is_on=world.is_first),
        plugins=plugins.versions(),
        progress=progress,
        start=kept,
        random=numbers,
        world=world,
    )


def loading(config: RunConfig, split: Split, *, augment: Sequence[Augmentation] = ()) -> Loading:
    """How the samples of a split are read, at the size that the augmentation asks for."""
    size = tuple(config.data.size)
    for change in reversed(augment):
        size = change.input_size(size) if size else size
    asked: Interpolation = next(
        (change.interpolation for change in augment if hasattr(change, "interpolation")), "bilinear"
    )
    found = Loading(
        source=build.dataset(config, split, size),
        size=size,
        interpolation=config.data.interpolation or asked,
        is_reversed=config.direction == "BtoA",
        seed=config.train.seed,
    )
    if not len(found.source.dataset):
        raise DataError(f"data set {config.dataset.name!r} has no pairs in its {split} split")
    return found


def _splits(
    config: RunConfig, augment: Sequence[Augmentation], *, folder: Path, start: Start | None, world: World
) -> tuple[Loading, Loading, Loading]:
    """The pairs to train on as the augmentation asks for them, the same as they are, and those of validation: without
    bad ones, and from the cache where it keeps them."""
    asked = (loading(config, "train", augment=augment), loading(config, "train"), loading(config, "val"))
    training, plain, validation = sound(config, asked, folder=folder, start=start, world=world)
    training, validation = keeping((training, validation), config.data.cache, is_silent=not world.is_first)
    return training, plain, validation


def _check_world(config: RunConfig, world: World) -> None:
    """Every process must do the same, and a batch must be there for each."""
    told = world.gather(config.tree())
    odd = [rank for rank, tree in enumerate(told) if tree != told[0]]
    if odd:
        raise ConfigError(f"process {odd[0]} was given another configuration than process 0", mend="Start all alike.")
    if config.data.batch_size % world.size:
        fitting = -(-config.data.batch_size // world.size) * world.size
        raise ConfigError(
            f"data.batch_size {config.data.batch_size}: cannot be shared by {world.size} devices",
            mend=f"It counts the pictures of a step over all devices: --batch-size {fitting}",
        )


def _filled(
    live: build.Model, update: updates.Updater, progress: Progress, *, world: World, start: Start | None
) -> list[str]:
    """Fill the model with what it begins with; gives lines for people."""
    if start and start.checkpoint:
        lines = resuming.restore(
            start.checkpoint,
            model=live,
            update=update,
            progress=progress,
            world=world,
            weights_only=start.weights_only,
        )
        return [f"from {start.checkpoint}", *lines]
    given = live.config.train.init
    return initial.fill(live, Path(given)) if given else []


def _recorded(run: Run, plugins: "Plugins", loadings: dict[str, Loading], start: Start | None) -> None:
    is_known = start is not None and bool(runfolder.record(run.folder))
    if start is None:
        runfolder.take(run.folder, is_new=True)
    if start is None or start.accepts_data or not is_known:
        resuming.remember_data(run.folder, run.config, loadings)
        skipping.begin(loading.skipping for loading in loadings.values() if loading.skipping)
    if start and is_known:
        runfolder.reopen(run, why=start.why)
    else:
        runfolder.make(run, plugins)


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
            mend=f"Use --set data.size={near}, or a generator of less depth.",
        )
