"""imtrans push"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import click

from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import as_record
from imtrans.errors import ConfigError, printable


@dataclass(frozen=True, kw_only=True)
class PushOptions:
    """The command line of `imtrans push`."""

    run: str
    repo: str
    is_public: bool
    licence: str
    message: str
    is_dry: bool
    no_samples: bool


@click.command("push")
@click.argument("run")
@click.argument("repo", metavar="USER/NAME")
@click.option("--public", "is_public", is_flag=True, help="Make a new repository that everyone sees; without: private.")
@click.option("--licence", default="", metavar="NAME", help="Terms of the weights: cc-by-4.0, mit, other ...")
@click.option("--message", default="", metavar="TEXT", help="What the commit says.")
@click.option("--dry-run", "is_dry", is_flag=True, help="List what would be sent, and send nothing.")
@click.option("--no-samples", is_flag=True, help="Send no pictures of the data set.")
@click.pass_obj
@as_record(PushOptions)
def command(_session: Session, options: PushOptions) -> None:
    """Put a trained model (RUN, RUN@best, RUN@step-400 or a model's file) on the Hugging Face Hub.

    One commit holds the weights, a model card and sample pictures; nothing else of the run is sent.
    """
    from imtrans.engine.checkpoints import checkpoint_paths
    from imtrans.engine.runs.hub_files import write_hub_files
    from imtrans.net.hub_model import PREFIX, HubModel
    from imtrans.net.hub_push import push

    if options.repo.startswith(PREFIX) or "@" in options.repo or "#" in options.repo:
        raise ConfigError(f"{options.repo}: is no repository's name", hint="Write USER/NAME alone.")
    repo = HubModel.parse(f"{PREFIX}{options.repo}").repo
    checkpoint = checkpoint_paths.find(Path(options.run))
    with tempfile.TemporaryDirectory() as folder:
        has_samples = not options.no_samples
        files = write_hub_files(checkpoint, Path(folder), licence=options.licence, repo=repo, has_samples=has_samples)
        for name, path in files.items():
            click.echo(printable(f"{name:<28} {path.stat().st_size:>14,} bytes"))
        if any(name.startswith("samples/") for name in files):
            click.echo("Note: the samples show pictures of the data set; --no-samples keeps them here", err=True)
        if options.is_dry:
            click.echo(f"Nothing was sent to {repo} (--dry-run)")
            return
        message = options.message or f"{checkpoint.name} with imtrans"
        pushed = push(repo, files, is_private=not options.is_public, message=message)
    click.echo(f"Sent to {pushed.url} ({'private' if pushed.is_private else 'public'}), commit {pushed.commit}")
    click.echo(f"Use it: imtrans translate {PREFIX}{repo}@{pushed.commit} PICTURES -o OUT")
