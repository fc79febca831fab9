"""Resuming a run: from which checkpoint, and what has changed since."""

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
from imtrans.engine.data.splits import held_out
from imtrans.engine.distributed import ProcessGroup
from imtrans.engine.optim.optimizer_step import OptimizerStep
from imtrans.errors import CheckpointError, ConfigError, join_names
from imtrans.interfaces import Split
from imtrans.plugins.recipe import TrainOptions

# Keys that change neither the weights nor what they mean.
HARMLESS = (
    *("train.log_every", "train.sample_every", "train.evaluate_every", "train.save_every", "train.num_samples"),
    *(
        "train.keep_last",
        "train.milestone_every",
        "train.best_metric",
        "train.best_checkpoint",
        "train.early_stopping_patience",
        "train.device",
        "train.init",
        "train.licence",
    ),
    *("train.timeout", "train.steps", "train.epochs", "data.workers", "data.cache", "dataset.root", "dataset.path"),
    *("metrics", "observers", "inference"),
)
# Keys whose change makes the saved state useless: networks, method, averages, and the moments of an optimiser.
MEANING = ("recipe", "method", "train.ema", "dataset", "data.direction")
DATA, FILES = "dataset.json", "files.txt.gz"


@dataclass(frozen=True, kw_only=True)
class ResumePoint:
    """Where a run is resumed: a checkpoint (None: at its beginning), and what the user accepts."""

    checkpoint: Path | None = None
    weights_only: bool = False
    accepts_data: bool = False
    reason: str = "resumed"


class Changes(NamedTuple):
    """The differences of two configurations, a line each: what makes it another run, and what makes it inexact."""

    meaning: list[str]
    exactness: list[str]


def changes(before: RunConfig, now: RunConfig) -> Changes:
    """How the configuration `now` of a resumed run differs from `before`."""
    old, new = ({key: value for key, value, _ in config.rows()} for config in (before, now))
    differing = [k for k in (*old, *(k for k in new if k not in old)) if old.get(k) != new.get(k)]
    lines = {k: f"{k} was {_text(old.get(k))} and is {_text(new.get(k))}" for k in differing if not _is(k, HARMLESS)}
    networks = [slot for slot, s in now.info.slots.items() if s.group]
    meaning = [k for k in lines if _is(k, (*MEANING, *networks)) or re.fullmatch(r"train\.optimizer\.\w+\.name", k)]
    return Changes([lines[k] for k in meaning], [line for k, line in lines.items() if k not in meaning])


def check(before: RunConfig, now: RunConfig) -> list[str]:
    """Warnings, a line each, of changes after which the run is no exact continuation.

    Raises ConfigError for changes that make it another run.
    """
    differences = changes(before, now)
    if differences.meaning:
        raise ConfigError(
            f"this would be another run: {'; '.join(differences.meaning[:3])}",
            hint="Start it under another --name, with --set train.init=RUN to begin with these weights.",
        )
    return [
        *_length(before.train, now.train),
        *(f"not the same run any more: {line}" for line in differences.exactness),
    ]


def _length(before: TrainOptions, now: TrainOptions) -> list[str]:
    """A line where the length of the run changes, and with it the rest of its schedule."""
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
    """Load a checkpoint's state into a run; returns a line for each part that could not be restored.

    CheckpointError names what is missing, and how to resume without it.
    """
    checkpoints_io.restore_weights(model, folder)
    read_progress(folder, progress)
    if weights_only:
        progress.since, progress.sums = 0.0, {}
        state.seed(model.config.train.seed + progress.step, rank=world.rank)
        return ["optimisers and random numbers begin anew"]
    notes = []
    try:
        saved = checkpoints_io.state(folder, device=model.device)
        if not saved["ranks"]:
            raise CheckpointError("the state of its devices is missing")
        state.restore_shared_state(model, update, saved["shared"] or {})
        if len(saved["ranks"]) == world.size:
            state.restore_rank_state(model, progress, saved["ranks"][world.rank])
        else:
            # The random state of one device fits no other share of the samples.
            notes = [_dropped(saved["ranks"], world)]
            state.seed(model.config.train.seed + progress.step, rank=world.rank)
            progress.since, progress.sums = 0.0, {}
    except CheckpointError as error:
        raise CheckpointError(
            naming_checkpoint(folder, error).what,
            hint="To resume with the weights alone: imtrans resume RUN --resume-weights-only",
        ) from None
    return notes


def read_progress(folder: Path, progress: Progress) -> None:
    """Load the progress of a checkpoint's run. CheckpointError names what is missing."""
    try:
        progress.restore(checkpoints_io.progress(folder))
    except CheckpointError as error:
        raise naming_checkpoint(folder, error) from None


def remember_data(folder: Path, config: RunConfig, loadings: Mapping[str, PairLoader]) -> None:
    """Write dataset.json and the list of files (path and bytes of each), by which a change is noticed."""
    files = {name: _files(loading) for name, loading in loadings.items()}
    description = {
        "name": config.dataset.name,
        "direction": config.direction,
        "options": config.dataset.tree(),
        "counts": {name: len(loading.source.dataset) for name, loading in loadings.items()},
        "files": sum(map(len, files.values())),
        "hash": {name: _hash(each) for name, each in files.items()},
        "contents": list(next(iter(loadings.values())).source.dataset.description.contents),
    }
    lines = "".join(f"{name}\t{size}\t{path}\n" for name, each in files.items() for path, size in each)
    # Without a time: the same files give the same bytes.
    content = gzip.compress(lines.encode("utf-8", "surrogateescape"), mtime=0)
    atomic_io.write_file(folder / FILES, lambda path: path.write_bytes(content))
    held_out.write_record(folder, [loading.source.dataset for loading in loadings.values()])
    atomic_io.replace_json(folder / DATA, description)


def check_data(folder: Path, loadings: Mapping[str, PairLoader]) -> None:
    """CheckpointError if the pictures are not those the run began with: how many were added, removed or changed."""
    before = _recorded_files(folder)
    now = {(name, path, size) for name, loading in loadings.items() for path, size in _files(loading)}
    if before is None or before == now:
        return
    added, removed = {p for _, p, _ in now - before}, {p for _, p, _ in before - now}
    changed = added & removed
    # The run knows of a file that went bad while it trained, and reads another in its place.
    bad = {path for path in changed if any(name.endswith(path) for name in skipped_samples.failed_files(folder))}
    added, removed, changed = added - bad, removed - bad, changed - bad
    if not added | removed:
        return
    counts = f"{len(added - changed)} added, {len(removed - changed)} removed, {len(changed)} changed"
    raise CheckpointError(
        f"the data set has changed since run {folder} began: {counts} ({join_names(added | removed, most=3)})",
        hint="Restore the pictures, or resume with them as they are: --accept-dataset-change",
    )


def holds_split(folder: Path, name: Split, loading: PairLoader, *, config: RunConfig, split: Split) -> bool:
    """Whether a split that is opened as `split` holds the very pictures that split `name` of the run held."""
    record, files = atomic_io.read_json(folder / DATA), _files(loading)
    if not files:  # drawn pictures follow from the split alone
        return split == name and record.get("name") == config.dataset.name
    return bool(_hash(files) == (record.get("hash") or {}).get(name))


def _files(loading: PairLoader) -> list[tuple[str, int]]:
    """The files behind a split, relative to the folder that holds them all, with their sizes in bytes; of samples
    that are in no file here their stamps."""
    dataset = loading.source.dataset
    stamps = {(text, 0) for i in range(len(dataset)) if (text := dataset.stamp(i))}
    paths = [os.path.abspath(p) for i in range(len(dataset)) for p in dataset.files(i)]
    # Relative, so that a data set that was moved as a whole is still the same.
    root = os.path.dirname(os.path.commonpath(paths) + "/x") if len(set(paths)) > 1 else ""
    return sorted({(os.path.relpath(p, root) if root else os.path.basename(p), _size(p)) for p in paths} | stamps)


def _recorded_files(folder: Path) -> set[tuple[str, str, int]] | None:
    try:
        text = gzip.decompress((folder / FILES).read_bytes()).decode("utf-8", "surrogateescape")
        rows = [line.split("\t", 2) for line in text.split("\n") if "\t" in line]
        return {(name, path, int(size)) for name, size, path in rows}
    except (OSError, EOFError, ValueError):
        return None


def _hash(files: Iterable[tuple[str, int]]) -> str:
    text = "".join(f"{path}\0{size}\n" for path, size in files)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def _dropped(ranks: Sequence[Any], world: ProcessGroup) -> str:
    keys = sorted({k for rank in ranks for k in rank.get("method", {})})
    also = f" and the method's own state ({join_names(keys, most=3)})" if keys else ""
    return f"{len(ranks)} devices became {world.size}: their random numbers{also} begin anew"


def _is(key: str, names: Iterable[str]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in names)


def _text(value: Any) -> str:
    return "none" if value is None else str(value)
