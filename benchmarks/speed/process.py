"""Programs in processes of their own: how long they took, what memory, and what they printed."""

import compileall
import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOP = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """A process that has ended: `began` is the time of day, `peak` its memory in bytes, `output` what it printed."""

    began: float
    seconds: float
    peak: int
    output: str

    @property
    def record(self) -> dict[str, Any]:
        """The last line that it printed, as JSON."""
        record: dict[str, Any] = json.loads(self.output.splitlines()[-1])
        return record


def run(arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None) -> Ended:
    """Run `python -m ARGUMENTS` in a folder; the whole benchmark ends if it fails."""
    _compile()
    path = os.pathsep.join([str(TOP), *filter(None, [os.environ.get("PYTHONPATH")])])
    changed = {**os.environ, "PYTHONPATH": path, "IMTRANS_HOME": str(folder / "home"), **(environment or {})}
    began, clock = time.time(), time.perf_counter()
    with (folder / "stdout").open("w+") as out, (folder / "stderr").open("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=folder, env=changed, stdout=out, stderr=errors
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - clock
        if process.returncode:
            errors.seek(0)
            sys.exit(f"{' '.join(arguments)}: exit {process.returncode}\n{errors.read()[-2000:]}")
        out.seek(0)
        return Ended(began, seconds, used.ru_maxrss * 1024, out.read())


@functools.cache
def _compile() -> None:
    """Leave bytecode beside the sources, as pip does: without it a start would compile hundreds of files."""
    for folder in ("imtrans", "plugins", "benchmarks"):
        compileall.compile_dir(TOP / folder, quiet=2)


def module(name: str) -> str:
    """A program of the benchmarks, as `run` takes it."""
    return f"benchmarks.speed.programs.{name}"
