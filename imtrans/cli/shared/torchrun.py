"""Start of a command as several processes of this machine, by torch's elastic launcher."""

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from imtrans.errors import ConfigError, ResourceError

STARTED = "IMTRANS_STARTED_TOGETHER"  # set in processes whose launcher reports their failure


def launch_local(devices: int, line: Sequence[str]) -> None:
    """Start this command line (without the program) as `devices` processes and wait for them.

    Ends this process with the exit code of the first process that failed. ResourceError names one that was killed.
    Returns at once in the started processes.
    """
    if "LOCAL_RANK" in os.environ:
        return
    _check(devices, line)
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import elastic_launch

    # It logs a traceback of its own for every failed process, which has said already what was wrong.
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    arguments = ["-m", "imtrans", *without_devices(line)]
    try:
        with _environment(devices), _saves_passed_on():
            elastic_launch(_config(devices), sys.executable)(*arguments)
    except SignalException as stopped:
        raise click.exceptions.Exit(128 + int(stopped.sigval)) from None
    except ChildFailedError as failed:
        _explain(*failed.get_first_failure(), devices)
    raise click.exceptions.Exit(0)


def is_launched() -> bool:
    """Whether `launch_local` started this process: then only the first that fails reports an error."""
    return STARTED in os.environ


def without_devices(arguments: Sequence[str]) -> list[str]:
    """The command line of one of the processes: that of the launcher without `--devices N`."""
    remaining, is_value = [], False
    for argument in arguments:
        if not is_value and argument != "--devices" and not argument.startswith("--devices="):
            remaining.append(argument)
        is_value = argument == "--devices"
    return remaining


@contextlib.contextmanager
def _environment(devices: int) -> Iterator[None]:
    """The variables that the processes inherit."""
    before = dict(os.environ)
    os.environ[STARTED] = "1"
    # Each process would start a thread for every core, and together they would be slower than one process.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // devices)))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _saves_passed_on() -> Iterator[None]:
    """SIGUSR1 goes to the processes: torch's launcher would die of it, and leave them running."""
    if not hasattr(signal, "SIGUSR1"):
        yield
        return
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: _pass_on(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def _pass_on(number: int) -> None:
    """Send a signal to the processes that this one has started, where the system names them (Linux)."""
    for path in Path("/proc/self/task").glob("*/children"):
        for child in path.read_text().split():
            if b"imtrans" in Path("/proc", child, "cmdline").read_bytes():
                os.kill(int(child), number)


def _check(devices: int, line: Sequence[str]) -> None:
    import torch

    count = torch.cuda.device_count()
    if torch.cuda.is_available() and devices > count and "cpu" not in line:
        raise ConfigError(f"--devices {devices}: there are {count} here", hint=f"Use --devices {count}.")


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
    if code >= 0:  # it has said itself what was wrong; a killed one (code < 0) could not
        raise click.exceptions.Exit(code)
    raise ResourceError(
        f"process {rank} of {devices} was killed by {signal.Signals(-code).name}",
        hint="Memory may be short. To resume from the last checkpoint: the same command with --resume",
    )
