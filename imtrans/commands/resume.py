"""imtrans resume"""

from pathlib import Path
from typing import Any

import click

from imtrans.cli import Session
from imtrans.commands import launching, placing
from imtrans.commands.run import layer
from imtrans.commands.training import train
from imtrans.config import RunConfig
from imtrans.errors import CheckpointError


@click.command("resume")
@click.argument("run")
@click.option("--epochs", metavar="N", help="Train to so many passes in all.")
@click.option("--steps", metavar="N", help="Train to so many steps in all.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a key, if that does not break the run."
)
@click.option("--batch-size", metavar="N", help="Pictures per step from now on.")
@click.option("--lr", metavar="X", help="Learning rate from now on.")
@click.option("--workers", metavar="N", help="Processes that load pictures.")
@click.option("--device", metavar="NAME", help="cpu, cuda, cuda:N, mps or auto.")
@click.option("--devices", type=click.IntRange(1), metavar="N", help="Train on N devices of this machine at once.")
@click.option("--data-root", metavar="DIR", help="Where the data set lies now.")
@click.option("--accept-dataset-change", is_flag=True, help="Go on although the pictures have changed.")
@click.option("--resume-weights-only", is_flag=True, help="Take the weights; optimisers and random numbers begin anew.")
@click.option("--json", "as_json", is_flag=True, help="Print the result for machines.")
@click.pass_obj
def command(session: Session, /, run: str, as_json: bool, **given: Any) -> None:
    """Go on with RUN, a run folder, its name or one of its checkpoints, as if it had never stopped."""
    from imtrans.engine import runs

    if given["devices"]:
        launching.together(given["devices"], session.arguments)
    path = Path(run)
    checkpoint = runs.find(path) if runs.step_of(path) is not None else None
    folder = checkpoint.parent if checkpoint else runs.folder_of(path)
    config = placing.before(session.catalog, folder, checkpoint or runs.newest(folder), [layer(given)])
    done = finished(folder, config, session)
    if done:
        click.echo(done)
        return

    def where() -> placing.Place:
        return placing.go_on(
            session.catalog,
            folder,
            config,
            checkpoint=checkpoint,
            accepts_data=given["accept_dataset_change"],
            weights_only=given["resume_weights_only"],
        )

    train(session, config, where, as_json=as_json)


def finished(folder: Path, config: RunConfig, session: Session) -> str:
    """What to say of a run that has nothing left to do; empty where it has."""
    from imtrans.engine import runfolder

    told = runfolder.record(folder)
    if told.get("status") == "imported":
        raise CheckpointError(
            f"run {folder} was imported: it holds a model alone, nothing to go on with",
            mend=f"Start a new run with its weights: imtrans run pix2pix --init {folder} --dataset DATA",
        )
    if told.get("status") != "finished":
        return ""
    old, now = placing.before(session.catalog, folder, None).train, config.train
    extended = "To train it further: imtrans resume RUN --steps N, or --epochs N"
    if now.steps and now.steps <= int(told.get("step", 0)):
        return f"{folder} is already finished: {told['step']:,} of {told['steps']:,} steps\n{extended}"
    if not now.steps and not old.steps and (now.epochs or 0) <= (old.epochs or 0):
        return f"{folder} is already finished: {old.epochs} of {old.epochs} epochs\n{extended}"
    return ""
