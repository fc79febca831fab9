"""From a RunConfig to a job that is ready to train, in its run folder."""

import json
import os
import platform
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import imtrans
from imtrans import configfile, fsio
from imtrans.catalog import Catalog
from imtrans.config import RunConfig
from imtrans.engine import build, facts, loop, updates
from imtrans.engine import device as devices
from imtrans.engine.checkpoint import RUNS
from imtrans.engine.data import Loading, Place
from imtrans.engine.observers import Observers
from imtrans.errors import ConfigError, DataError
from imtrans.interfaces import Augmentation, Pair, Run, Split
from imtrans.kit.images import Interpolation

if TYPE_CHECKING:
    from imtrans.plugins import Plugins

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{i}" for p in ("com", "lpt") for i in range(10))}


def check_name(name: str) -> str:
    """A name that can be a folder's on every system; ConfigError otherwise."""
    if not _NAME.fullmatch(name) or name.split(".")[0].lower() in _RESERVED or name.endswith("."):
        raise ConfigError(
            f"--name {name[:60]!r}: a run's name has 1 to 100 letters, digits, dots, hyphens and underscores, "
            "and begins with a letter or digit",
            mend="Give another: --name my-run",
        )
    return name


def run_folder(config: RunConfig, name: str | None) -> Path:
    """The folder of a new run; it does not exist yet. Without a name the first free number is taken."""
    if name is not None:
        folder = RUNS / check_name(name)
        if folder.exists():
            raise ConfigError(
                f"--name {name}: {folder} exists", mend="Give another name: a run never mixes with another."
            )
        return folder
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{config.recipe}-{facts.dataset_name(config)}").strip("-.")[:80]
    names = (stem if i == 1 else f"{stem}-{i}" for i in range(1, 100_000))
    return next(RUNS / n for n in names if not (RUNS / n).exists())


def assemble(
    config: RunConfig, *, catalog: Catalog, plugins: "Plugins", folder: Path, is_quiet: bool = False
) -> loop.Job:
    """Build everything, look at the first pair, and make the run folder. What can be refused is refused here."""
    device, maker = devices.choose(config.train.device), build.Maker(catalog)
    augment = build.augmentations(config, maker)
    training = loading(config, "train", augment=augment)
    plain, validation = loading(config, "train"), loading(config, "val")
    _check_pairs(config)
    first = training.pair(Place(0, 0))[0]
    live = build.model(config, training.signals, maker=maker, device=device, seed=config.train.seed)
    _check_size(config, live, first)
    update = updates.updater(live)
    steps = loop.total_steps(config, len(training.source.dataset))
    told = facts.facts(live, training, validation)
    run = Run(folder=folder, config=config, steps=steps, facts=told, is_quiet=is_quiet)
    _write_folder(run, plugins)
    return loop.Job(
        run=run,
        model=live,
        augment=augment,
        training=training,
        validation=validation,
        plain_training=plain,
        metrics=build.metrics(config, maker, training.signals),
        update=update,
        observers=Observers(plugins.manager),
        plugins=plugins.versions(),
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


def finish(run: Run, **changes: Any) -> None:
    """Write how a run stands into its run.json."""
    path = run.folder / "run.json"
    known = json.loads(path.read_text(encoding="utf-8"))
    fsio.replace_text(path, json.dumps({**known, **changes}, indent=1) + "\n")


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


def _write_folder(run: Run, plugins: "Plugins") -> None:
    try:
        run.folder.mkdir(parents=True)
    except FileExistsError:
        raise ConfigError(f"{run.folder} exists", mend="Another run has just taken it; start again.") from None
    records: Mapping[str, Any] = {
        "run.json": {
            "format": 1,
            "name": run.folder.name,
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "argv": ["imtrans", *sys.argv[1:]],
            "pid": os.getpid(),
            "status": "running",
            "steps": run.steps,
        },
        "env.json": {
            "python": sys.version.split()[0],
            "system": platform.platform(),
            "imtrans": imtrans.__version__,
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "device": run.facts["device"],
        },
        "plugins.json": plugins.versions(),
    }
    for name, content in records.items():
        fsio.replace_text(run.folder / name, json.dumps(content, indent=1) + "\n")
    fsio.replace_text(run.folder / "config.toml", configfile.write(run.config))
