"""Which folder a training writes in: a new one, or that of a run that goes on."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imtrans.config.schema import RunConfig
from imtrans.config.sources import Layer
from imtrans.errors import ImtransError
from imtrans.plugins.catalog import Catalog

if TYPE_CHECKING:
    from imtrans.engine.checkpoints.resume import ResumePoint

RunLocation = tuple[Path, "ResumePoint | None"]


def new_run(catalog: Catalog, config: RunConfig, name: str | None) -> RunLocation:
    """A new folder. An unfinished run of the same configuration is pointed out, on a terminal offered."""
    from imtrans.engine.runs import run_dir

    folder = run_dir.free_folder(config, name)
    other = None if name else _same(catalog, config)
    if other is None:
        return folder, None
    told = run_dir.record(other)
    line = f"{other} is the same run, unfinished ({told.get('status')})"
    if sys.stdin.isatty() and sys.stderr.isatty() and click.confirm(f"{line}. Go on with it?", default=True, err=True):
        return resume_at(catalog, other, config)
    click.echo(f"Note: {line}; to go on with it: imtrans resume {other.name}", err=True)
    return folder, None


def unfinished(catalog: Catalog, config: RunConfig, name: str | None, accepts_data: bool = False) -> RunLocation:
    """The folder of the run that was asked for and is not finished; a new one where there is none."""
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
    run_dir.acquire(folder, is_new=False)  # it was killed before its first record
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
    """Where the run in `folder` goes on as `config` has it, its newest checkpoint unless another is named.

    Says what is not as before; ConfigError where it would be another run altogether.
    """
    from imtrans.engine.checkpoints import checkpoint_paths, resume
    from imtrans.engine.runs import run_dir

    place = checkpoint or checkpoint_paths.newest(folder)
    for line in resume.check(previous_config(catalog, folder, place), config):
        click.echo(f"Warning: {line}", err=True)
    noticeless = run_dir.ended_without_notice(folder)
    run_dir.acquire(folder, is_new=False)
    why = "ended without notice" if noticeless else str(run_dir.record(folder).get("status"))
    if noticeless:
        step = checkpoint_paths.step_of(place) if place else 0
        click.echo(f"Note: {folder} ended without notice; it goes on from step {step}", err=True)
    start = resume.ResumePoint(checkpoint=place, weights_only=weights_only, accepts_data=accepts_data, reason=why)
    return folder, start


def previous_config(catalog: Catalog, folder: Path, checkpoint: Path | None, layers: Sequence[Layer] = ()) -> RunConfig:
    """The configuration that a run had, with `layers` on top: its checkpoint's, else that of its config.toml."""
    from imtrans.config import io as config_io
    from imtrans.config.resolve import restore
    from imtrans.engine.checkpoints.io import read_metadata

    tree = read_metadata(checkpoint)["config"] if checkpoint else config_io.read(folder / "config.toml")
    return restore(catalog, tree, origin="checkpoint" if checkpoint else "config.toml", layers=layers)


def is_restart() -> bool:
    """Whether torch's launcher has started this process again after a fault."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def _same(catalog: Catalog, config: RunConfig) -> Path | None:
    """The newest unfinished run of the same configuration, if no process has it."""
    from imtrans.engine.checkpoints import checkpoint_paths, resume
    from imtrans.engine.runs import run_dir

    stem = run_dir.stem_of(config)
    folders = (
        [p for p in checkpoint_paths.RUNS.glob(f"{stem}*") if (p / run_dir.RECORD).exists()]
        if checkpoint_paths.RUNS.is_dir()
        else []
    )
    for folder in sorted(folders, key=lambda p: str(run_dir.record(p).get("started")), reverse=True):
        if run_dir.record(folder).get("status") == "finished" or run_dir.is_taken(folder):
            continue
        try:
            found = resume.changes(previous_config(catalog, folder, None), config)
        except ImtransError:  # of other plugins, or broken: not the same then
            continue
        if not any(found):
            return folder
    return None
