"""The command line that each host of a job runs, made from the one that is submitted."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import configured
from imtrans.cli.shared.mistakes import check_recipe
from imtrans.cli.shared.torchrun import without_devices
from imtrans.errors import ConfigError

_ARRAYS = {"sweep": "workers of one sweep", "translate": "parts of one folder"}


@dataclass(frozen=True, kw_only=True)
class JobLine:
    """What a job runs: its name, its arguments, how many processes a host starts for it and how many GPUs it needs.

    `processes` 0: it is started without torchrun. `is_divided`: each job of an array does a part of it.
    """

    name: str
    arguments: Sequence[str]
    processes: int
    gpus: int
    is_divided: bool = False


def job_line(session: Session, line: Sequence[str], *, nodes: int, gpus: int | None, array: int | None) -> JobLine:
    """What the submitted command becomes. ConfigError for one that is wrong, or that cannot be a job."""
    given = list(session.arguments)
    before, name, rest = given[: given.index("submit")], line[0], line[1:]
    if name in _ARRAYS:
        if nodes > 1:
            raise ConfigError(f"--nodes with {name}: each job has one host", hint=f"--array N: {_ARRAYS[name]}.")
        job = _single(name, rest, is_divided=name == "translate" and bool(array))
    elif name not in ("run", "resume"):
        raise ConfigError(f"{name}: no job", hint="imtrans submit --slurm -- run, resume, sweep or translate ...")
    elif array:
        raise ConfigError(f"--array with {name}: one training is no array", hint="Give --nodes, or submit a sweep.")
    else:
        job = _trained(session, rest) if name == "run" else _resumed(rest)
    job = replace(job, arguments=[*before, *job.arguments])
    if gpus is None:
        return job
    return replace(job, gpus=gpus, processes=(gpus or job.processes) if job.processes else 0)


def _single(name: str, rest: Sequence[str], *, is_divided: bool) -> JobLine:
    """A worker of a sweep, or a translation."""
    parameters = _parameters(name, rest)
    if is_divided and parameters.get("part"):
        raise ConfigError("--part and --array: not both", hint="--array N gives each job its part.")
    return JobLine(
        name=name,
        arguments=[name, *rest],
        processes=0,
        gpus=0 if parameters.get("device") == "cpu" else 1,
        is_divided=is_divided,
    )


def _parameters(name: str, rest: Sequence[str]) -> dict[str, Any]:
    """What click makes of a command's arguments; its own UsageError for wrong ones."""
    module = importlib.import_module(f"imtrans.cli.{'sweep.command' if name == 'sweep' else name}")
    parameters: dict[str, Any] = module.command.make_context(name, list(rest)).params
    return parameters


def _trained(session: Session, rest: Sequence[str]) -> JobLine:
    """A training under a name, so that a requeued job finds it again."""
    from imtrans.cli.run import RunOptions
    from imtrans.engine.runs.run_name import run_name

    options = RunOptions(**_parameters("run", rest))
    for flag in ("dry_run", "find_lr", "folds", "again"):
        if getattr(options, flag):
            shown = f"--{flag.replace('_', '-')}"
            raise ConfigError(f"{shown}: not in a job, which goes on when it is requeued", hint="Leave it out.")
    check_recipe(session.catalog, options.recipe)
    config = configured(session.catalog, options.recipe, options)
    name = options.name or run_name(config)
    more = [*([] if options.name else ["--name", name]), *([] if options.resume else ["--resume"])]
    return _training(name, ["run", *rest, *more], options.devices, is_cpu=config.train.device == "cpu")


def _resumed(rest: Sequence[str]) -> JobLine:
    from imtrans.engine.checkpoints.checkpoint_paths import is_checkpoint

    parameters = _parameters("resume", rest)
    path = Path(parameters["run"])
    if is_checkpoint(path):
        raise ConfigError(f"{path}: a requeued job would begin there again", hint=f"Name the run: {path.parent}")
    return _training(path.name, ["resume", *rest], parameters["devices"], is_cpu=parameters["device"] == "cpu")


def _training(name: str, arguments: Sequence[str], devices: int | None, *, is_cpu: bool) -> JobLine:
    count = devices or 1
    return JobLine(name=name, arguments=without_devices(arguments), processes=count, gpus=0 if is_cpu else count)
