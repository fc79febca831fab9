"""Going on with a run: from which checkpoint, and what has changed since."""

import gzip
import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from imtrans import atomic_io
from imtrans.config.schema import RunConfig
from imtrans.engine.build import Model
from imtrans.engine.checkpoints import io as checkpoints_io
from imtrans.engine.checkpoints import state
from imtrans.engine.checkpoints.checkpoint_paths import naming_checkpoint
from imtrans.engine.checkpoints.state import Progress
from imtrans.engine.data import skipped_samples
from imtrans.engine.data.pair_loader import PairLoader
from imtrans.engine.distributed import ProcessGroup
from imtrans.engine.optim.optimizer_step import OptimizerStep
from imtrans.errors import CheckpointError, ConfigError, join_names
from imtrans.plugins.recipe import TrainOptions

# Keys that change neither the weights nor what they mean.
HARMLESS = (
    *("train.log_every", "train.sample_every", "train.evaluate_every", "train.save_every", "train.num_samples"),
    *(
        "train.keep_last",
        "train.milestone_every",
        "train.best_metric",
        "train.early_stopping_patience",
        "train.device",
        "train.init",
    ),
    *("train.timeout", "train.steps", "train.epochs", "data.workers", "data.cache", "dataset.root", "dataset.path"),
    *("metrics", "inference"),
)
# Keys with which the saved state is no state of this run: networks, method, averages, and what an optimiser remembers.
MEANING = ("recipe", "method", "train.ema", "dataset", "data.direction")
DATA, FILES = "dataset.json", "files.txt.gz"


@dataclass(frozen=True, kw_only=True)
class ResumePoint:
    """Where a run goes on: a checkpoint (none: at its beginning), and what the user accepts."""

    checkpoint: Path | None = None
    weights_only: bool = False
    accepts_data: bool = False
    reason: str = "resumed"


class Changes(NamedTuple):
    """What differs between two configurations, a line each: what breaks the run's meaning, what its exactness."""

    meaning: list[str]
    exactness: list[str]


def changes(before: RunConfig, now: RunConfig) -> Changes:
    """What a run that goes on as `now` has that `before` had otherwise."""
    old, new = ({key: value for key, value, _ in config.rows()} for config in (before, now))
    differing = [k for k in (*old, *(k for k in new if k not in old)) if old.get(k) != new.get(k)]
    told = {k: f"{k} was {_shown(old.get(k))} and is {_shown(new.get(k))}" for k in differing if not _is(k, HARMLESS)}
    networks = [slot for slot, s in now.info.slots.items() if s.group]
    meaning = [k for k in told if _is(k, (*MEANING, *networks)) or re.fullmatch(r"train\.optimizer\.\w+\.name", k)]
    return Changes([told[k] for k in meaning], [line for k, line in told.items() if k not in meaning])


def check(before: RunConfig, now: RunConfig) -> list[str]:
    """Lines that warn of what makes the rest of the run another than it would have been; ConfigError for what makes
    it another run."""
    found = changes(before, now)
    if found.meaning:
        raise ConfigError(
            f"this would be another run: {'; '.join(found.meaning[:3])}",
            hint="Start it under another --name, with --set train.init=RUN to begin with these weights.",
        )
    return [*_length(before.train, now.train), *(f"not the same run any more: {line}" for line in found.exactness)]


def _length(before: TrainOptions, now: TrainOptions) -> list[str]:
    """A line where the run gets another length, which also changes how a schedule goes on."""
    old, new = (f"{t.steps:,} steps" if t.steps else f"{t.epochs} epochs" for t in (before, now))
    bends = "" if now.schedule in ("constant", "inverse-time") else f", and so is its {now.schedule} schedule"
    return [f"the length of the run is changed from {old} to {new}{bends}"] if old != new else []


def restore(
    folder: Path,
    *,
    model: Model,
    update: OptimizerStep,
    progress: Progress,
    world: ProcessGroup,
    weights_only: bool = False,
) -> list[str]:
    """Fill a built run with a checkpoint's state; gives lines that tell what could not be kept.

    CheckpointError names what is missing, and how to go on without it.
    """
    checkpoints_io.restore_weights(model, folder)
    read_progress(folder, progress)
    if weights_only:
        progress.since, progress.sums = 0.0, {}
        state.seed(model.config.train.seed + progress.step, rank=world.rank)
        return ["optimisers and random numbers begin anew"]
    notes = []
    try:
        told = checkpoints_io.state(folder, device=model.device)
        if not told["ranks"]:
            raise CheckpointError("the state of its devices is missing")
        state.restore_shared_state(model, update, told["shared"] or {})
        if len(told["ranks"]) == world.size:
            state.restore_rank_state(model, progress, told["ranks"][world.rank])
        else:
            notes = [_dropped(told["ranks"], world)]
            state.seed(model.config.train.seed + progress.step, rank=world.rank)
            progress.since, progress.sums = 0.0, {}
    except CheckpointError as error:
        raise CheckpointError(
            naming_checkpoint(folder, error).what,
            hint="To go on with the weights alone: imtrans resume RUN --resume-weights-only",
        ) from None
    return notes


def read_progress(folder: Path, progress: Progress) -> None:
    """Fill in how far the run of a checkpoint was. CheckpointError names what is missing."""
    try:
        progress.restore(checkpoints_io.progress(folder))
    except CheckpointError as error:
        raise naming_checkpoint(folder, error) from None


def remember_data(folder: Path, config: RunConfig, loadings: Mapping[str, PairLoader]) -> None:
    """Write dataset.json and the list of files (path and bytes of each), by which a change is noticed."""
    files = {name: _files(loading) for name, loading in loadings.items()}
    told = {
        "name": config.dataset.name,
        "direction": config.direction,
        "options": config.dataset.tree(),
        "counts": {name: len(loading.source.dataset) for name, loading in loadings.items()},
        "files": sum(map(len, files.values())),
        "hash": {name: _hash(each) for name, each in files.items()},
    }
    lines = "".join(f"{name}\t{size}\t{path}\n" for name, each in files.items() for path, size in each)
    content = gzip.compress(lines.encode("utf-8", "surrogateescape"), mtime=0)
    atomic_io.write_file(folder / FILES, lambda path: path.write_bytes(content))
    atomic_io.replace_json(folder / DATA, told)


def check_data(folder: Path, loadings: Mapping[str, PairLoader]) -> None:
    """CheckpointError if the pictures are not those the run began with: how many came, went or changed."""
    before = _remembered(folder)
    now = {(name, path, size) for name, loading in loadings.items() for path, size in _files(loading)}
    if before is None or before == now:
        return
    came, went = {p for _, p, _ in now - before}, {p for _, p, _ in before - now}
    both = came & went
    bad = {path for path in both if any(name.endswith(path) for name in skipped_samples.failed_files(folder))}
    came, went, both = came - bad, went - bad, both - bad
    if not came | went:
        return
    told = f"{len(came - both)} added, {len(went - both)} removed, {len(both)} changed"
    raise CheckpointError(
        f"the data set has changed since run {folder} began: {told} ({join_names(came | went, most=3)})",
        hint="Bring the pictures back, or go on with them as they are: --accept-dataset-change",
    )


def _files(loading: PairLoader) -> list[tuple[str, int]]:
    """The files behind a split, from the folder that holds them all, with their sizes."""
    dataset = loading.source.dataset
    paths = [os.path.abspath(p) for i in range(len(dataset)) for p in dataset.files(i)]
    root = os.path.dirname(os.path.commonpath(paths) + "/x") if len(set(paths)) > 1 else ""
    return sorted({(os.path.relpath(p, root) if root else os.path.basename(p), _size(p)) for p in paths})


def _remembered(folder: Path) -> set[tuple[str, str, int]] | None:
    try:
        text = gzip.decompress((folder / FILES).read_bytes()).decode("utf-8", "surrogateescape")
        rows = [line.split("\t", 2) for line in text.split("\n") if "\t" in line]
        return {(name, path, int(size)) for name, size, path in rows}
    except (OSError, EOFError, ValueError):
        return None


def _hash(files: Iterable[tuple[str, int]]) -> str:
    whole = "".join(f"{path}\0{size}\n" for path, size in files)
    return hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def _dropped(ranks: Sequence[Any], world: ProcessGroup) -> str:
    kept = sorted({k for told in ranks for k in told.get("method", {})})
    also = f" and what the method kept ({join_names(kept, most=3)})" if kept else ""
    return f"{len(ranks)} devices became {world.size}: their random numbers{also} begin anew"


def _is(key: str, names: Iterable[str]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in names)


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
