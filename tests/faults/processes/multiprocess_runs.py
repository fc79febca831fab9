"""Command lines as processes that train together, without a launcher: multiprocess_runs.py SPEC.json

SPEC holds a list of jobs, done one after the other: `lines` (a command line for each rank), `environment`, `limit` (no
file of rank 0 grows beyond so many bytes) and `harm`: rank, signal, and the file and number of lines to wait for.
Prints a list of JSON objects: exit codes by rank, seconds, and what each said.

One process imports torch and forks the ranks, so that a start costs little.
"""

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

from imtrans.cli import main
from imtrans.testing.run_commands import free_port, group_variables


def begin(line: list[str], *, rank: int, size: int, port: int, environment: dict[str, str], limit: int) -> int:
    child = os.fork()
    if child:
        return child
    os.setsid()
    said = os.open(f"said-{rank}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.environ |= group_variables(rank, size, port) | environment
    if limit and rank == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    code = 1
    try:
        code = main.run(line)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def harm(children: list[int], spec: dict[str, Any]) -> None:
    """Wait until a file has so many lines, then send a signal to a rank."""
    path, began = Path(spec["file"]), time.monotonic()
    while (path.read_text().count("\n") if path.exists() else 0) < spec["lines"] and time.monotonic() - began < 60:
        time.sleep(0.005)
    os.kill(children[spec["rank"]], getattr(signal, f"SIG{spec['signal']}"))


def run(spec: dict[str, Any]) -> dict[str, Any]:
    size, port, began = len(spec["lines"]), free_port(), time.monotonic()
    environment = spec.get("environment", {})
    children = [
        begin(line, rank=rank, size=size, port=port, environment=environment, limit=spec.get("limit", 0))
        for rank, line in enumerate(spec["lines"])
    ]
    if "harm" in spec:
        harm(children, spec["harm"])
    codes: dict[int, int] = {}
    while len(codes) < size:
        child, status = os.wait()
        codes[children.index(child)] = os.waitstatus_to_exitcode(status)
        if spec.get("harm", {}).get("signal") == "STOP" and len(codes) == size - 1:
            os.kill(children[spec["harm"]["rank"]], signal.SIGKILL)
    said = [Path(f"said-{rank}.txt").read_text() for rank in range(size)]
    return {"codes": [codes[r] for r in range(size)], "seconds": time.monotonic() - began, "said": said}


if __name__ == "__main__":
    import torch

    from imtrans.engine.training import (
        trainer,  # noqa: F401 - so that no child needs to
    )

    torch.set_num_threads(1)
    print(json.dumps([run(spec) for spec in json.loads(Path(sys.argv[1]).read_text())]))
