"""Starting a command again as several processes, by torch's elastic launcher."""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import click

from imtrans.errors import ConfigError, ResourceError

STARTED = "IMTRANS_STARTED_TOGETHER"  # tells a process that its launcher speaks for it


def launch_local(devices: int, line: Sequence[str]) -> None:
    """Start this command line (without the program) as so many processes and wait for them; in each of them, go on.

    Ends this process with the exit code of the first process that failed. ResourceError names one that was killed.
    """
    if "LOCAL_RANK" in os.environ:
        return
    _check(devices, line)
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    os.environ[STARTED] = "1"
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // devices)))
    arguments = ["-m", "imtrans", *without_devices(line)]
    try:
        elastic_launch(_config(devices), sys.executable)(*arguments)
    except SignalException as stopped:
        raise click.exceptions.Exit(128 + int(stopped.sigval)) from None
    except ChildFailedError as failed:
        _explain(*failed.get_first_failure(), devices)
    raise click.exceptions.Exit(0)


def is_launched() -> bool:
    """Whether this process was started by `together`: then the first that fails is heard, and the others are not."""
    return STARTED in os.environ


def without_devices(arguments: Sequence[str]) -> list[str]:
    """The command line for one of the processes."""
    kept, skip = [], False
    for argument in arguments:
        if not skip and argument != "--devices" and not argument.startswith("--devices="):
            kept.append(argument)
        skip = argument == "--devices"
    return kept


def _check(devices: int, line: Sequence[str]) -> None:
    import torch

    there = torch.cuda.device_count()
    if torch.cuda.is_available() and devices > there and "cpu" not in line:
        raise ConfigError(f"--devices {devices}: there are {there} here", hint=f"Use --devices {there}.")


def _config(devices: int) -> Any:
    from torch.distributed.launcher.api import LaunchConfig

    return LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=devices,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",  # a free port
        run_id=str(os.getpid()),
        max_restarts=0,
    )


def _explain(rank: int, failure: Any, devices: int) -> None:
    code = failure.exitcode
    if code >= 0:
        raise click.exceptions.Exit(code)
    raise ResourceError(
        f"process {rank} of {devices} was killed by {signal.Signals(-code).name}",
        hint="Memory may be short. To go on from the last checkpoint: the same command with --resume",
    )
