"""The batch script of a job of Slurm."""

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from imtrans.cli.cluster.job_line import JobLine
from imtrans.errors import ConfigError

TEMPLATE = Path(__file__).with_name("slurm.sh.j2")


@dataclass(frozen=True, kw_only=True)
class SlurmOptions:
    """What a job asks of Slurm: see the options of `imtrans submit`."""

    nodes: int
    gpus: int | None
    cpus: int | None
    memory: str | None
    time: str | None
    array: int | None
    sbatch: tuple[str, ...]
    setup: tuple[str, ...]
    python: str | None
    grace: int
    max_restarts: int


def script(job: JobLine, options: SlurmOptions, *, folder: Path) -> str:
    """A script for sbatch that runs `job` in `folder`. ConfigError for options that would break it."""
    from jinja2 import Environment, FileSystemLoader

    _check(options)
    environment = Environment(  # a script of the shell: what varies is quoted by shlex
        loader=FileSystemLoader(TEMPLATE.parent), trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.get_template(TEMPLATE.name).render(
        job=job,
        options=options,
        folder=shlex.quote(str(folder)),
        python=shlex.quote(options.python or sys.executable),
        arguments=shlex.join(job.arguments),
        part=f' --part "$SLURM_ARRAY_TASK_ID/{options.array}"' if job.is_divided else "",
    )


def _check(options: SlurmOptions) -> None:
    texts = [("--sbatch", text) for text in options.sbatch] + [("--setup", text) for text in options.setup]
    for flag, text in (*texts, ("--memory", options.memory)):
        if text and not text.isprintable():
            raise ConfigError(f"{flag} {text!r}: must be one line", hint="Give the flag once for each.")
    bare = next((text for text in options.sbatch if not text.startswith("-")), None)
    if bare:
        raise ConfigError(f"--sbatch {bare}: no option of sbatch", hint=f"Write --sbatch=--{bare}")
    if options.time and _seconds(options.time) <= options.grace:
        raise ConfigError(
            f"--time {options.time}: the job saves {options.grace} s before its end, which is all of it",
            hint="Give it more time, or a smaller --grace.",
        )


def _seconds(time: str) -> int:
    """A time limit in the forms of sbatch: minutes, M:S, H:M:S, D-H, D-H:M, D-H:M:S."""
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", time)
    if not match:
        raise ConfigError(f"--time {time}: no time limit of Slurm", hint="--time 8:00:00, or 2-00:00:00")
    days, *parts = match.groups()
    numbers = [int(part) for part in parts if part is not None]
    if days is None and len(numbers) < 3:
        numbers.insert(0, 0)  # minutes come first, not hours
    hours, minutes, seconds = (*numbers, 0, 0)[:3]
    return ((24 * int(days or 0) + hours) * 60 + minutes) * 60 + seconds
