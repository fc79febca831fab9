"""Command lines of imtrans as processes, one after the other or together: python -m imtrans.testing.run_commands JOBS

One process imports torch and forks the others, so that a start costs little.
"""

import json
import os
import runpy
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from imtrans.testing.contract import require

LIMIT = 600  # seconds for all of them
OUTPUT = "output-{}.txt"


class Job(NamedTuple):
    """Command lines of processes that train together (one: alone), and the exit code that each must have."""

    lines: Sequence[Sequence[str]]
    code: int = 0


def call(jobs: Sequence[Job], folder: Path) -> None:
    """Run the jobs one after the other in `folder`; ContractError, with what it said, for one that ends otherwise."""
    # What this process finds, the others must find, too.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-m", __name__, json.dumps(jobs)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        timeout=LIMIT,
        check=False,
    )
    require(done.returncode == 0, done.stdout.strip() or done.stderr.strip())


def main(jobs: Sequence[Job]) -> None:
    """Run the jobs; print the first that ends otherwise than it must, and exit with 1."""
    import torch

    # Before the processes are forked, so that none needs to: the first optimizer imports torch's compiler.
    from imtrans.engine.training import trainer  # noqa: F401

    torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    torch.set_num_threads(1)
    for job in jobs:
        for rank, code in enumerate(_codes(job)):
            if code != job.code:
                output = Path(OUTPUT.format(rank)).read_text(encoding="utf-8", errors="replace").strip()
                print(f"imtrans {' '.join(job.lines[rank])} ended with {code}, not {job.code}:\n{output}")  # noqa: T201
                sys.exit(1)


def _codes(job: Job) -> list[int]:
    """The exit codes of a job's processes."""
    count, port = len(job.lines), free_port()
    children = [
        _start(line, rank, group_variables(rank, count, port) if count > 1 else {})
        for rank, line in enumerate(job.lines)
    ]
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def group_variables(rank: int, count: int, port: int) -> dict[str, str]:
    """What torch's launchers set in each of `count` processes of this machine."""
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count), **address}


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _start(line: Sequence[str], rank: int, variables: Mapping[str, str]) -> int:
    """A child that runs one command line, its output in a file; its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        output = os.open(OUTPUT.format(rank), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ |= variables
        sys.argv = ["imtrans", *line]
        runpy.run_module("imtrans", run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main([Job(*job) for job in json.loads(sys.argv[1])])
