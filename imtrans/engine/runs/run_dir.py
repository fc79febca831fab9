"""The folder of a run: its name, who writes in it, and its records."""

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
from imtrans.engine.data import run_summary
from imtrans.engine.runs import provenance
from imtrans.errors import ConfigError, ResourceError
from imtrans.interfaces import Run

if TYPE_CHECKING:
    from imtrans.plugins.discovery import Plugins

FORMAT = 2  # 1: some options had other names (`former` in imtrans.plugins.options)
LOCK, RECORD, METRICS, DISCARDED = ".lock", "run.json", "metrics.jsonl", "metrics.discarded.jsonl"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{i}" for p in ("com", "lpt") for i in range(10))}


def check_name(name: str) -> str:
    """A name that can be a folder's on every system; ConfigError otherwise."""
    if not _NAME.fullmatch(name) or name.split(".")[0].lower() in _RESERVED or name.endswith("."):
        raise ConfigError(
            f"--name {name[:60]!r}: a run's name has 1 to 100 letters, digits, dots, hyphens and underscores, "
            "and begins with a letter or digit",
            hint="Give another: --name my-run",
        )
    return name


def free_folder(config: RunConfig, name: str | None) -> Path:
    """The folder of a new run; it does not exist yet. Without a name the first free number is taken."""
    if name is not None:
        folder = RUNS / check_name(name)
        if folder.exists():
            raise ConfigError(
                f"--name {name}: {folder} exists",
                hint=f"Go on with it: imtrans resume {name}; or give another name: a run never mixes with another.",
            )
        return folder
    return first_free(stem_of(config))


def first_free(stem: str) -> Path:
    """The first folder called `stem`, or `stem` and a number, that does not exist yet."""
    names = (stem if i == 1 else f"{stem}-{i}" for i in range(1, 100_000))
    return next(RUNS / n for n in names if not (RUNS / n).exists())


def stem_of(config: RunConfig) -> str:
    """How runs of this recipe on this data set are called, but for a number."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", f"{config.recipe}-{run_summary.dataset_name(config)}").strip("-.")[:80]


def make(run: Run, plugins: "Plugins") -> None:
    """Write the records of a new run into its folder, which `take` has made; run.json last: it says they are there."""
    provenance.write(run, plugins)
    atomic_io.replace_text(run.folder / "config.toml", config_io.write(run.config))
    told = {
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
    atomic_io.replace_json(run.folder / RECORD, told)


def reopen(run: Run, *, why: str) -> None:
    """Write into the records of a run that it goes on, and cut what was logged after its checkpoint."""
    told = record(run.folder)
    entry = {"step": run.start, "time": now(), "why": why, "imtrans": imtrans.__version__, "torch": torch.__version__}
    cut_metrics(run.folder, run.start, is_over=run.start >= run.steps)
    atomic_io.replace_text(run.folder / "config.toml", config_io.write(run.config))
    changed = {"status": "running", "pid": os.getpid(), "host": socket.gethostname(), "steps": run.steps}
    atomic_io.replace_json(run.folder / RECORD, {**told, **changed, "resumes": [*told.get("resumes", []), entry]})


def acquire(folder: Path, *, is_new: bool) -> None:
    """Take a run's folder for this process: make it, if it is new, lock it, and sweep what dead processes left."""
    try:
        folder.mkdir(parents=True, exist_ok=not is_new)
    except FileExistsError:
        raise ConfigError(f"{folder} exists", hint="Another run has just taken it; start again.") from None
    except OSError as error:
        raise ResourceError(f"{folder}: cannot be made: {error.strerror}", hint="Run it where you may write.") from None
    lock(folder)
    atomic_io.sweep(folder)


def finish(folder: Path, **changes: Any) -> None:
    """Write how a run stands into its run.json."""
    atomic_io.replace_json(folder / RECORD, {**record(folder), **changes})


def record(folder: Path) -> dict[str, Any]:
    """What run.json tells; nothing where it cannot be read."""
    try:
        told = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return told if isinstance(told, dict) else {}
    except (OSError, ValueError):
        return {}


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def lock(folder: Path) -> None:
    """Take the run folder for this process. ConfigError names the living process that has it."""
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
    """Leave the run folder to others."""
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
    """Take the lines after a step, and a half one at the end, out of metrics.jsonl into metrics.discarded.jsonl.

    `is_over`: it was the last step, and the evaluation after it is done again, so that its line goes, too.
    """
    path = folder / METRICS
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    is_kept = [_step_of(line) <= step and not (is_over and _is_evaluation(line, step)) for line in lines]
    kept = [line for line, stays in zip(lines, is_kept, strict=True) if stays]
    gone = [line.rstrip("\n") + "\n" for line, stays in zip(lines, is_kept, strict=True) if not stays]
    if gone:
        atomic_io.append_text(folder / DISCARDED, "".join(gone))
        atomic_io.replace_text(path, "".join(kept))


def _step_of(line: str) -> float:
    try:
        return int(json.loads(line)["step"]) if line.endswith("\n") else float("inf")
    except (ValueError, KeyError, TypeError):
        return float("inf")


def _is_evaluation(line: str, step: int) -> bool:
    return _step_of(line) == step and json.loads(line).get("split") == "val"


def _holder(path: Path) -> dict[str, Any] | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return {"pid": int(told["pid"]), **{k: str(told[k]) for k in ("host", "since", "began")}}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_alive(holder: Mapping[str, Any]) -> bool:
    """Of another machine nothing is known: its lock counts. A number used again began at another time."""
    if holder["host"] != socket.gethostname() or os.name == "nt":
        return True
    if holder["pid"] == os.getpid():
        return False
    return atomic_io.is_alive(holder["pid"]) and bool(_began(holder["pid"]) == holder["began"])


def _began(pid: int) -> str:
    """When a process began, in ticks since the machine was started, with that start; empty where nobody tells."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return "" if told[0] == "Z" else f"{boot} {told[19]}"  # a zombie writes nothing any more
    except (OSError, IndexError):
        return ""
