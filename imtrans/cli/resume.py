"""imtrans resume"""

from dataclasses import dataclass
from pathlib import Path

import click

from imtrans.cli.session import Session
from imtrans.cli.shared import run_location, torchrun
from imtrans.cli.shared.command_config import ConfigFlags, as_record, layer
from imtrans.cli.shared.train_session import train
from imtrans.config.schema import RunConfig
from imtrans.errors import CheckpointError

# The status of runs that were not trained: how they came to be, and what to do instead.
MADE = {
    "imported": (
        "was imported",
        "Start a new run with its weights: imtrans run {recipe} --init {folder} --dataset DATA",
    ),
    "ensemble": ("is the mean of others", "Resume those, and make it anew under another name: imtrans ensemble"),
}


@dataclass(frozen=True, kw_only=True)
class ResumeOptions(ConfigFlags):
    """The command line of `imtrans resume`."""

    run: str
    devices: int | None
    accept_dataset_change: bool
    resume_weights_only: bool
    as_json: bool


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
@click.option("--accept-dataset-change", is_flag=True, help="Resume although the pictures have changed.")
@click.option("--resume-weights-only", is_flag=True, help="Take the weights; optimisers and random numbers begin anew.")
@click.option("--tensorboard", is_flag=True, help="Log for TensorBoard as well (extra tensorboard).")
@click.option("--wandb", is_flag=True, help="Log to Weights & Biases as well (extra wandb).")
@click.option("--json", "as_json", is_flag=True, help="Print the result for machines.")
@click.pass_obj
@as_record(ResumeOptions)
def command(session: Session, options: ResumeOptions) -> None:
    """Resume RUN (a run folder, its name or one of its checkpoints) as if it had never stopped."""
    from imtrans.engine.checkpoints import checkpoint_paths
    from imtrans.engine.checkpoints import io as checkpoints_io

    if options.devices:
        torchrun.launch_local(options.devices, session.arguments)
    path, catalog = Path(options.run), session.catalog
    # Of a run the newest checkpoint is found below.
    checkpoint = checkpoint_paths.find(path) if checkpoint_paths.is_checkpoint(path) else None
    if checkpoint:
        checkpoints_io.progress(checkpoint)  # one of the weights alone is refused
    folder = checkpoint.parent if checkpoint else checkpoint_paths.folder_of(path)
    start = checkpoint or checkpoint_paths.newest(folder)
    config = run_location.previous_config(catalog, folder, start, [layer(options)], is_trained=True)
    end = finished(folder, config, session)
    if end:
        click.echo(end)
        return

    # Called later, by the first process alone: it locks the folder.
    def where() -> run_location.RunLocation:
        return run_location.resume_at(
            catalog,
            folder,
            config,
            checkpoint=checkpoint,
            accepts_data=options.accept_dataset_change,
            weights_only=options.resume_weights_only,
        )

    train(session, config, where, as_json=options.as_json)


def finished(folder: Path, config: RunConfig, session: Session) -> str:
    """Why a run needs no more training, in words; empty where it does. CheckpointError for a run that
    was never trained."""
    from imtrans.engine.runs import run_dir

    record = run_dir.record(folder)
    if made := MADE.get(str(record.get("status"))):
        raise CheckpointError(
            f"run {folder} {made[0]}: it holds a model alone, and no state of a training",
            hint=made[1].format(recipe=config.recipe, folder=folder),
        )
    if record.get("status") != "finished":
        return ""
    old, now = run_location.previous_config(session.catalog, folder, None).train, config.train
    # Epochs are compared with epochs: how many steps they are is known only when the data set is open.
    extended = "To train it further: imtrans resume RUN --steps N, or --epochs N"
    if now.steps and now.steps <= int(record.get("step", 0)):
        return f"{folder} is already finished: {record['step']:,} of {record['steps']:,} steps\n{extended}"
    if not now.steps and not old.steps and (now.epochs or 0) <= (old.epochs or 0):
        return f"{folder} is already finished: {old.epochs} of {old.epochs} epochs\n{extended}"
    return ""
