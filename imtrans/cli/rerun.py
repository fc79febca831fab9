"""imtrans rerun"""

import json
from pathlib import Path
from typing import Any

import click

from imtrans.cli.session import Session
from imtrans.cli.shared import run_location
from imtrans.cli.shared.train_session import train
from imtrans.errors import CheckpointError


@click.command("rerun")
@click.argument("run")
@click.option("--name", metavar="NAME", help="Name of the new run's folder under runs/.")
@click.option("--json", "as_json", is_flag=True, help="Print the result for machines.")
@click.pass_obj
def command(session: Session, /, run: str, name: str | None, as_json: bool) -> None:
    """Train RUN again from its folder, in a new one. Warns where versions or pictures are not those of RUN."""
    from imtrans.engine.checkpoints import checkpoint_paths
    from imtrans.engine.runs import provenance, run_dir

    folder = checkpoint_paths.folder_of(Path(run))
    config = run_location.previous_config(session.catalog, folder, None, is_trained=True)
    for line in differences(folder, provenance.environment()):
        click.echo(f"Warning: {line}", err=True)
    resumes = run_dir.record(folder).get("resumes")
    if resumes:
        click.echo(f"Note: {folder} was resumed {len(resumes)} times; it is repeated in one go", err=True)
    if _has_other_data(folder, config):
        click.echo("Warning: the pictures are not those that the run began with", err=True)
    train(session, config, lambda: (run_dir.free_folder(config, name), None), as_json=as_json)


def differences(folder: Path, now: dict[str, Any]) -> list[str]:
    """One line for each version or thread count that is not what the run had."""
    try:
        then = json.loads((folder / "env.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return [f"{folder / 'env.json'} cannot be read: the versions that the run had are unknown"]
    # The number of threads changes the order of sums on a CPU, and so the last bits.
    names = ("python", "torch", "imtrans", "threads")
    return [f"{n} was {then.get(n)} and is {now.get(n)}" for n in names if then.get(n) != now.get(n)]


def _has_other_data(folder: Path, config: Any) -> bool:
    from imtrans.engine.checkpoints import resume
    from imtrans.engine.data.pair_loader import open_split

    try:
        resume.check_data(folder, {s: open_split(config, s, run=folder) for s in ("train", "val")})
    except CheckpointError:  # for a resumed run this is an error; a new one trains on the data as they are
        return True
    return False
