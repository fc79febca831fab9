"""imtrans submit"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import click

from imtrans.cli.cluster.job_line import job_line
from imtrans.cli.cluster.slurm import SlurmOptions, script
from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import as_record
from imtrans.errors import ConfigError, ResourceError, printable


@dataclass(frozen=True, kw_only=True)
class SubmitOptions(SlurmOptions):
    """The command line of `imtrans submit`."""

    line: tuple[str, ...]
    is_slurm: bool
    output: str | None
    is_now: bool


# Options of the command that is submitted are its own, with and without "--" before it.
@click.command("submit", context_settings={"allow_interspersed_args": False})
@click.argument("line", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--slurm", "is_slurm", is_flag=True, help="As a job of Slurm.")
@click.option("--nodes", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Hosts.")
@click.option("--gpus", type=click.IntRange(0), metavar="N", help="GPUs of each host (1; with --device cpu 0).")
@click.option("--cpus", type=click.IntRange(1), metavar="N", help="CPU cores of each host.")
@click.option("--memory", metavar="SIZE", help="Memory of each host, 64G.")
@click.option("--time", metavar="HH:MM:SS", help="Time limit; the job is requeued before it is over, until it is done.")
@click.option("--array", type=click.IntRange(1), metavar="N", help="N jobs: workers of a sweep, or parts of a folder.")
@click.option("--sbatch", multiple=True, metavar="OPTION", help="A further option of sbatch: --sbatch=--partition=gpu")
@click.option(
    "--setup", multiple=True, metavar="LINE", help="A line of the shell before it: --setup 'module load cuda'"
)
@click.option("--python", metavar="PATH", help="The Python of the cluster; without it this one.")
@click.option(
    "--grace",
    type=click.IntRange(10),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="How long before the end of its time the job saves.",
)
@click.option(
    "--max-restarts",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="How often torchrun starts all again after a fault.",
)
@click.option("-o", "--output", metavar="FILE", help="The script; without it NAME.sbatch.")
@click.option("--now", "is_now", is_flag=True, help="Submit it, too.")
@click.pass_obj
@as_record(SubmitOptions)
def command(session: Session, options: SubmitOptions) -> None:
    """Write a job script for `imtrans run`, `resume`, `sweep` or `translate`.

    A training saves before the time of its job is over, is requeued and goes on from there, until it is done.
    """
    if not options.is_slurm:
        raise ConfigError("which scheduler?", hint="imtrans submit --slurm -- run ...; docs/cluster.md has others.")
    job = job_line(session, options.line, nodes=options.nodes, gpus=options.gpus, array=options.array)
    path = Path(options.output or f"{job.name}.sbatch")
    text = script(job, options, folder=Path.cwd())
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResourceError(f"{path} cannot be written: {error.strerror}", hint="Name another with -o FILE.") from None
    click.echo(f"Script: {printable(str(path))}")
    click.echo(_submitted(path) if options.is_now else f"To submit it: sbatch {printable(str(path))}")


def _submitted(path: Path) -> str:
    """What sbatch says. ResourceError where it is missing or refuses."""
    try:
        done = subprocess.run(["sbatch", str(path)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ResourceError(
            "sbatch is not here: this host submits no jobs of Slurm", hint=f"On one that does: sbatch {path}"
        ) from None
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise ResourceError(f"sbatch refused {path}: {said}", hint="Further options: --sbatch=--partition=NAME ...")
    return done.stdout.strip()
