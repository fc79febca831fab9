"""The folder of a run: its name, its lock, and its records."""

import json
import os
import re
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import imtrans
from imtrans import atomic_io
from imtrans.config import io as config_io
from imtrans.config.schema import RunConfig
from imtrans.engine.checkpoints.checkpoint_paths import RUNS
from imtrans.engine.runs import provenance
from imtrans.engine.runs.run_name import run_name
from imtrans.errors import ConfigError, ResourceError
from imtrans.interfaces import Run
from imtrans.kit.report.metric_history import METRICS

if TYPE_CHECKING:
    from imtrans.plugins.discovery import Plugins

FORMAT = 2  # 1: some options had other names (`former` in imtrans.plugins.options)
LOCK, RECORD, DISCARDED = ".lock", "run.json", "metrics.discarded.jsonl"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# Names of devices on Windows, where a run folder may be copied to, with any suffix.
_RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{i}" for p in ("com", "lpt") for i in range(10))}


def check_name(name: str) -> str:
    """The name, if a folder can have it on every system. ConfigError otherwise."""
    if not _NAME.fullmatch(name) or name.split(".")[0].lower() in _RESERVED or name.endswith("."):
        raise ConfigError(
            f"--name {name[:60]!r}: a run's name has 1 to 100 letters, digits, dots, hyphens and underscores, "
            "and begins with a letter or digit",
            hint="Give another: --name my-run",
        )
    return name


def free_folder(config: RunConfig, name: str | None) -> Path:
    """The folder of a new run; it does not exist yet. Without a name the first free number is used."""
    hint = f"Resume it: imtrans resume {name}; or give another name: a run never mixes with another."
    return first_free(run_name(config)) if name is None else named_folder(name, hint=hint)


def named_folder(name: str, *, hint: str = "Give another name.") -> Path:
    """The folder of a new run of this name. ConfigError for one that no folder can have, and for one that is taken."""
    folder = RUNS / check_name(name)
    if folder.exists():
        raise ConfigError(f"--name {name}: {folder} exists", hint=hint)
    return folder


def first_free(stem: str) -> Path:
    """The first folder called `stem`, or `stem` and a number, that does not exist yet."""
    names = (stem if i == 1 else f"{stem}-{i}" for i in range(1, 100_000))
    return next(RUNS / n for n in names if not (RUNS / n).exists())


def make(run: Run, plugins: "Plugins") -> None:
    """Write the records of a new run into its folder, which `acquire` has made."""
    provenance.write(run, plugins)
    atomic_io.replace_text(run.folder / "config.toml", config_io.write(run.config))
    content = {
        "format": FORMAT,
        "name": run.folder.name,
        "started": now(),
        "argv": ["imtrans", *sys.argv[1:]],
        "cwd": str(Path.cwd()),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "status": "running",
        "steps": run.steps,
        "resumes": [],
    }
    atomic_io.replace_json(run.folder / RECORD, content)  # last: it says that the other records are there


def reopen(run: Run, *, why: str) -> None:
    """Write into the records of a run that it is resumed, and cut what was logged after its checkpoint."""
    content = record(run.folder)
    entry = {"step": run.start, "time": now(), "why": why, "imtrans": imtrans.__version__, "torch": torch.__version__}
    # A crash may lose the last checkpoints, not the lines: the same steps would be logged twice.
    cut_metrics(run.folder, run.start, is_over=run.start >= run.steps)
    atomic_io.replace_text(run.folder / "config.toml", config_io.write(run.config))
    changed = {"status": "running", "pid": os.getpid(), "host": socket.gethostname(), "steps": run.steps}
    atomic_io.replace_json(run.folder / RECORD, {**content, **changed, "resumes": [*content.get("resumes", []), entry]})


def acquire(folder: Path, *, is_new: bool) -> None:
    """Make a run's folder, if it is new, lock it for this process, and remove what dead processes left there.

    ConfigError if another run has the folder, ResourceError if it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=not is_new)
    except FileExistsError:
        raise ConfigError(f"{folder} exists", hint="Another run has just made it; start again.") from None
    except OSError as error:
        fault = f"{folder}: cannot be made: {error.strerror}"
        raise ResourceError(fault, hint="Run it in a folder that can be written.") from None
    lock(folder)
    atomic_io.sweep(folder)


def finish(folder: Path, *, status: str, code: int, step: int | None = None, error: str | None = None) -> None:
    """Write into run.json how a run ended, with the exit code of its process."""
    changes = {"status": status, "step": step, "error": error, "code": code}
    atomic_io.replace_json(folder / RECORD, {**record(folder), **{k: v for k, v in changes.items() if v is not None}})


def record(folder: Path) -> dict[str, Any]:
    """The content of run.json; empty where it cannot be read."""
    return atomic_io.read_json(folder / RECORD)


def now() -> str:
    """The time in UTC, as records have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def lock(folder: Path) -> None:
    """Lock the run folder for this process. ConfigError names the living process that has it."""
    path = folder / LOCK
    holder = _holder(path)
    if holder and _is_alive(holder):
        raise ConfigError(
            f"run {folder} is being written by process {holder['pid']} on {holder['host']} since {holder['since']}",
            hint="Wait for it, or give this run another name: --name",
        )
    atomic_io.replace_json(
        path, {"pid": os.getpid(), "host": socket.gethostname(), "since": now(), "began": _began(os.getpid())}
    )


def unlock(folder: Path) -> None:
    """Release the run folder, if this process has locked it."""
    holder = _holder(folder / LOCK)
    if holder and holder["pid"] == os.getpid() and holder["host"] == socket.gethostname():
        (folder / LOCK).unlink(missing_ok=True)


def is_taken(folder: Path) -> bool:
    """Whether a living process writes in a run folder."""
    holder = _holder(folder / LOCK)
    return bool(holder and _is_alive(holder))


def ended_without_notice(folder: Path) -> bool:
    """Whether a run says that it is running while no process has it."""
    return record(folder).get("status") == "running" and not is_taken(folder)


def cut_metrics(folder: Path, step: int, *, is_over: bool = False) -> None:
    """Move the lines after a step, and an incomplete last line, from metrics.jsonl to metrics.discarded.jsonl.

    `is_over`: it was the last step, and the evaluation after it is repeated, so that its line is moved, too.
    """
    path = folder / METRICS
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    is_valid = [_step_of(line) <= step and not (is_over and _is_evaluation(line, step)) for line in lines]
    valid = [line for line, stays in zip(lines, is_valid, strict=True) if stays]
    discarded = [line.rstrip("\n") + "\n" for line, stays in zip(lines, is_valid, strict=True) if not stays]
    if discarded:
        # In this order: a crash in between leaves a line in both files, never in none.
        atomic_io.append_text(folder / DISCARDED, "".join(discarded))
        atomic_io.replace_text(path, "".join(valid))


def _step_of(line: str) -> float:
    try:
        return int(json.loads(line)["step"]) if line.endswith("\n") else float("inf")
    except (ValueError, KeyError, TypeError):
        return float("inf")


def _is_evaluation(line: str, step: int) -> bool:
    return _step_of(line) == step and json.loads(line).get("split") == "val"


def _holder(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {"pid": int(content["pid"]), **{k: str(content[k]) for k in ("host", "since", "began")}}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_alive(holder: Mapping[str, Any]) -> bool:
    """Whether the process that wrote a lock still runs. Of another machine this is not known: its lock counts."""
    if holder["host"] != socket.gethostname() or os.name == "nt":
        return True
    if holder["pid"] == os.getpid():
        return False
    # A pid is used again after a while; the later process began at another time.
    return atomic_io.is_alive(holder["pid"]) and bool(_began(holder["pid"]) == holder["began"])


def _began(pid: int) -> str:
    """When a process began, in ticks since boot, with the id of that boot; empty where the system does not say."""
    try:
        # After the last ")": the name of the program may hold spaces and parentheses itself.
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return "" if stat[0] == "Z" else f"{boot} {stat[19]}"  # a zombie writes nothing any more
    except (OSError, IndexError):
        return ""
