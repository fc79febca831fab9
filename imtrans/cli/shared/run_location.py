"""The folder that a training writes in: a new one, or that of a run that is resumed."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imtrans.config.schema import RunConfig
from imtrans.config.sources import Layer
from imtrans.errors import ConfigError, ImtransError
from imtrans.plugins.catalog import Catalog

if TYPE_CHECKING:
    from imtrans.engine.checkpoints.resume import ResumePoint

RunLocation = tuple[Path, "ResumePoint | None"]


def new_run(catalog: Catalog, config: RunConfig, name: str | None, *, again: bool = False) -> RunLocation:
    """A new folder. An unfinished run of the same configuration is named; on a terminal the user may resume it.

    ConfigError where the same run is finished, unless it is to be trained `again` or has a name of its own.
    """
    from imtrans.engine.runs import run_dir

    folder = run_dir.free_folder(config, name)
    done = None if name or again else _same(catalog, config, is_finished=True)
    if done:
        record = run_dir.record(done)
        raise ConfigError(
            f"this run is finished: {done}, {record.get('step', 0):,} steps, begun {record.get('started', '')[:10]}",
            hint=f"Use it: imtrans translate {done} PICTURES -o OUT; or train once more: --again, or --name NEW",
        )
    other = None if name else _same(catalog, config)
    if other is None:
        return folder, None
    line = f"{other} is the same run, unfinished ({run_dir.record(other).get('status')})"
    # A script has nobody to answer: there the new run starts, as the command says.
    if sys.stdin.isatty() and sys.stderr.isatty() and click.confirm(f"{line}. Resume it?", default=True, err=True):
        return resume_at(catalog, other, config)
    click.echo(f"Note: {line}; to resume it: imtrans resume {other.name}", err=True)
    return folder, None


def unfinished(catalog: Catalog, config: RunConfig, name: str | None, accepts_data: bool = False) -> RunLocation:
    """The folder of the unfinished run of this name, else of this configuration; a new one if there is none."""
    from imtrans.engine.checkpoints.checkpoint_paths import RUNS
    from imtrans.engine.checkpoints.resume import ResumePoint
    from imtrans.engine.runs import run_dir

    if name is None:
        other = _same(catalog, config)
        return resume_at(catalog, other, config, accepts_data=accepts_data) if other else new_run(catalog, config, None)
    folder = RUNS / run_dir.check_name(name)
    if (folder / run_dir.RECORD).exists():
        return resume_at(catalog, folder, config, accepts_data=accepts_data)
    if not folder.exists():
        return folder, None
    # The folder without a record: the run was killed before its first one, and begins anew.
    run_dir.acquire(folder, is_new=False)
    return folder, ResumePoint(accepts_data=True)


def resume_at(
    catalog: Catalog,
    folder: Path,
    config: RunConfig,
    *,
    checkpoint: Path | None = None,
    accepts_data: bool = False,
    weights_only: bool = False,
) -> RunLocation:
    """Where the run in `folder` resumes with `config`: its newest checkpoint unless another is named.

    Warns of changed keys; ConfigError for changes that would make it another run.
    """
    from imtrans.engine.checkpoints import checkpoint_paths, resume
    from imtrans.engine.runs import run_dir

    start = checkpoint or checkpoint_paths.newest(folder)
    for line in resume.check(previous_config(catalog, folder, start), config):
        click.echo(f"Warning: {line}", err=True)
    has_crashed = run_dir.ended_without_notice(folder)  # before `acquire`: the lock then is this process's
    run_dir.acquire(folder, is_new=False)
    reason = "ended without notice" if has_crashed else str(run_dir.record(folder).get("status"))
    if has_crashed:
        step = checkpoint_paths.step_of(start) if start else 0
        click.echo(f"Note: {folder} ended without notice; it resumes from step {step}", err=True)
    return folder, resume.ResumePoint(
        checkpoint=start, weights_only=weights_only, accepts_data=accepts_data, reason=reason
    )


def previous_config(
    catalog: Catalog, folder: Path, checkpoint: Path | None, layers: Sequence[Layer] = (), *, is_trained: bool = False
) -> RunConfig:
    """The configuration that a run had, with `layers` on top: its checkpoint's, else that of its config.toml.

    `is_trained`: it is to be trained on, and not compared alone; other plugins than it had are then warned of.
    """
    from imtrans import atomic_io
    from imtrans.config import io as config_io
    from imtrans.engine.checkpoints import model_file
    from imtrans.engine.checkpoints.required_plugins import restored

    metadata = model_file.read_metadata(checkpoint) if checkpoint else {}
    tree = metadata["config"] if checkpoint else config_io.read(folder / "config.toml")
    recorded = metadata.get("plugins") if checkpoint else atomic_io.read_json(folder / "plugins.json")
    where, origin = (f"checkpoint {checkpoint}", "checkpoint") if checkpoint else (f"run {folder}", "config.toml")
    config = restored(catalog, tree, recorded, where=where, origin=origin, layers=layers, warns=is_trained)
    return replace(config, origins=_earlier_origins(folder / "config.toml", config, origin))


def _earlier_origins(path: Path, config: RunConfig, origin: str) -> dict[str, str]:
    """The origins of all values, of those that a run already had as its config.toml says."""
    from imtrans.config import io as config_io

    earlier = config_io.origins(path) if path.is_file() else {}
    return {key: earlier.get(key, now) if now == origin else now for key, now in config.origins.items()}


def _whole(config: RunConfig) -> Any:
    """What a finished run has to have in common: a longer one, or one with other metrics, is asked for on purpose."""
    train = config.train
    return [train.epochs, train.steps, train.init, train.licence, config.dataset.tree(), config.tree()["metrics"]]


def is_restart() -> bool:
    """Whether torch's launcher has started this process again after a fault."""
    # Set by torchrun in every process that it starts; 0 at the first start.
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def _same(catalog: Catalog, config: RunConfig, *, is_finished: bool = False) -> Path | None:
    """The newest unfinished run of the same configuration, if no process has it; or the newest finished one, whose
    length and data are the same, too."""
    from imtrans.engine.checkpoints import checkpoint_paths, resume
    from imtrans.engine.runs import run_dir
    from imtrans.engine.runs.run_name import base_name

    runs = checkpoint_paths.RUNS
    folders = [path.parent for path in runs.glob(f"{base_name(config)}*/{run_dir.RECORD}")] if runs.is_dir() else []
    for folder in sorted(folders, key=lambda p: str(run_dir.record(p).get("started")), reverse=True):
        if (run_dir.record(folder).get("status") == "finished") != is_finished or run_dir.is_taken(folder):
            continue
        try:
            before = previous_config(catalog, folder, None)
            changes = resume.changes(before, config)
        except ImtransError:  # it needs other plugins, or is broken: then it is another run
            continue
        if not any(changes) and not (is_finished and _whole(before) != _whole(config)):
            return folder
    return None
