"""Which folder a training writes in: a new one, or that of a run that goes on."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imtrans.catalog import Catalog
from imtrans.config import RunConfig
from imtrans.errors import ImtransError
from imtrans.layers import Layer

if TYPE_CHECKING:
    from imtrans.engine.resuming import Start

Place = tuple[Path, "Start | None"]


def fresh(catalog: Catalog, config: RunConfig, name: str | None) -> Place:
    """A new folder. An unfinished run of the same configuration is pointed out, on a terminal offered."""
    from imtrans.engine import runfolder

    folder = runfolder.free_folder(config, name)
    other = None if name else _same(catalog, config)
    if other is None:
        return folder, None
    told = runfolder.record(other)
    line = f"{other} is the same run, unfinished ({told.get('status')})"
    if sys.stdin.isatty() and sys.stderr.isatty() and click.confirm(f"{line}. Go on with it?", default=True, err=True):
        return go_on(catalog, other, config)
    click.echo(f"Note: {line}; to go on with it: imtrans resume {other.name}", err=True)
    return folder, None


def unfinished(catalog: Catalog, config: RunConfig, name: str | None, accepts_data: bool = False) -> Place:
    """The folder of the run that was asked for and is not finished; a new one where there is none."""
    from imtrans.engine import runfolder
    from imtrans.engine.resuming import Start
    from imtrans.engine.runs import RUNS

    if name is None:
        other = _same(catalog, config)
        return go_on(catalog, other, config, accepts_data=accepts_data) if other else fresh(catalog, config, None)
    folder = RUNS / runfolder.check_name(name)
    if (folder / runfolder.RECORD).exists():
        return go_on(catalog, folder, config, accepts_data=accepts_data)
    if not folder.exists():
        return folder, None
    runfolder.take(folder, is_new=False)  # it was killed before its first record
    return folder, Start(accepts_data=True)


def go_on(
    catalog: Catalog,
    folder: Path,
    config: RunConfig,
    *,
    checkpoint: Path | None = None,
    accepts_data: bool = False,
    weights_only: bool = False,
) -> Place:
    """Where the run in `folder` goes on as `config` has it, its newest checkpoint unless another is named.

    Says what is not as before; ConfigError where it would be another run altogether.
    """
    from imtrans.engine import resuming, runfolder, runs

    place = checkpoint or runs.newest(folder)
    for line in resuming.check(before(catalog, folder, place), config):
        click.echo(f"Warning: {line}", err=True)
    noticeless = runfolder.ended_without_notice(folder)
    runfolder.take(folder, is_new=False)
    why = "ended without notice" if noticeless else str(runfolder.record(folder).get("status"))
    if noticeless:
        step = runs.step_of(place) if place else 0
        click.echo(f"Note: {folder} ended without notice; it goes on from step {step}", err=True)
    start = resuming.Start(checkpoint=place, weights_only=weights_only, accepts_data=accepts_data, why=why)
    return folder, start


def before(catalog: Catalog, folder: Path, checkpoint: Path | None, layers: Sequence[Layer] = ()) -> RunConfig:
    """The configuration that a run had, with `layers` on top: its checkpoint's, else that of its config.toml."""
    from imtrans import configfile
    from imtrans.engine.checkpoint import describe
    from imtrans.resolve import restore

    tree = describe(checkpoint)["config"] if checkpoint else configfile.read(folder / "config.toml")
    return restore(catalog, tree, origin="checkpoint" if checkpoint else "config.toml", layers=layers)


def is_restart() -> bool:
    """Whether torch's launcher has started this process again after a fault."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def _same(catalog: Catalog, config: RunConfig) -> Path | None:
    """The newest unfinished run of the same configuration, if no process has it."""
    from imtrans.engine import resuming, runfolder, runs

    stem = runfolder.stem_of(config)
    folders = [p for p in runs.RUNS.glob(f"{stem}*") if (p / runfolder.RECORD).exists()] if runs.RUNS.is_dir() else []
    for folder in sorted(folders, key=lambda p: str(runfolder.record(p).get("started")), reverse=True):
        if runfolder.record(folder).get("status") == "finished" or runfolder.is_taken(folder):
            continue
        try:
            found = resuming.changes(before(catalog, folder, None), config)
        except ImtransError:  # of other plugins, or broken: not the same then
            continue
        if not any(found):
            return folder
    return None
