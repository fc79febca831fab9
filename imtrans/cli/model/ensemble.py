"""imtrans ensemble"""

from pathlib import Path

import click

from imtrans.cli.session import Session
from imtrans.errors import ConfigError


@click.command("ensemble")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@click.option("--name", required=True, metavar="NAME", help="Name of the new run's folder under runs/.")
@click.option("--offline", is_flag=True, help="Of models on the Hub: use what the cache has, and fetch nothing.")
@click.pass_obj
def command(session: Session, /, runs: tuple[str, ...], name: str, offline: bool) -> None:
    """Make one model of several that differ in their weights alone: its pictures are the mean of theirs.

    It is a run as any other, for translate, evaluate, export and serve; of each RUN the newest checkpoint is taken, or
    RUN@best.
    """
    from imtrans.engine.checkpoints import checkpoint_paths
    from imtrans.engine.runs.ensemble_run import write_ensemble
    from imtrans.engine.runs.run_dir import named_folder

    if len(runs) < 2:
        raise ConfigError("an ensemble needs two models at least", hint="imtrans ensemble RUN RUN --name NAME")
    folder = named_folder(name)
    members = [checkpoint_paths.find(Path(run), is_offline=offline) for run in runs]
    versions = session.plugins.versions()
    checkpoint = write_ensemble(members, folder, catalog=session.catalog, versions=versions)
    for member in members:
        click.echo(f"Member:   {member}")
    click.echo(f"Model:    {checkpoint}\nUse it:   imtrans translate {folder} PICTURES -o OUT --uncertainty")
