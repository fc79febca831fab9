"""What a run depends on besides its configuration: versions, machine, plugins, seed, and the code around it."""

import functools
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import imtrans
from imtrans import atomic_io
from imtrans.engine.checkpoints import required_plugins
from imtrans.interfaces import Run
from imtrans.plugins.catalog import Catalog

if TYPE_CHECKING:
    from imtrans.plugins.discovery import Plugins

MAX_DIFF = 1_000_000  # bytes
GIT_SECONDS = 10
FIELD = re.compile(r"^(Name|Version):[ \t]*(\S.*)$", re.MULTILINE)


def write(run: Run, plugins: "Plugins") -> None:
    """Write env.json, plugins.json, seed.json and, in a git repository, git.json and git.diff into the run's folder."""
    seed = run.config.train.seed
    streams = {
        "initialisation": seed,
        "training": {"rank": "seed + 1000003 * rank"},
        "samples": "counter-based, of (seed, epoch, index)",
    }
    records = {
        "env.json": environment() | {k: run.facts[k] for k in ("device", "precision", "speedups")},
        "plugins.json": required_plugins.record(run.config, plugins.versions(), Catalog(plugins.records)),
        "seed.json": {"seed": seed, "streams": streams},
    }
    for name, content in records.items():
        atomic_io.replace_json(run.folder / name, content)
    commit, diff = code(Path.cwd())
    if commit:
        atomic_io.replace_json(run.folder / "git.json", commit)
        atomic_io.replace_text(run.folder / "git.diff", diff)


def code(folder: Path) -> tuple[dict[str, Any], str]:
    """Commit, branch and state of the git repository that a folder lies in, and the diff of its tracked files.

    A diff of more than 1 MB is left out. Both are empty where there is no repository, or no git.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return {}, ""
    diff = _git(folder, "diff", "HEAD")
    # Half a diff cannot be applied, and notebooks in a repository make diffs of many megabytes.
    is_whole = len(diff) <= MAX_DIFF
    state = {
        "commit": commit.strip(),
        "branch": _git(folder, "rev-parse", "--abbrev-ref", "HEAD").strip(),
        "dirty": bool(diff),
        "diff": "whole" if is_whole else f"left out: {len(diff):,} characters",
    }
    return state, diff if is_whole else ""


def environment() -> dict[str, Any]:
    """The versions, the machine and the variables on which the numbers of a run may depend."""
    variables = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG", "IMTRANS_HOME", "WORLD_SIZE")
    cuda = {"cuda": torch.version.cuda, "gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return {
        "python": sys.version.split()[0],
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "imtrans": imtrans.__version__,
        "torch": torch.__version__,
        **cuda,
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "variables": {k: os.environ[k] for k in variables if k in os.environ},
        "packages": list(_installed()),
    }


@functools.cache  # a hundred packages take 0.03 s
def _installed() -> tuple[str, ...]:
    names_and_versions = map(_name_and_version, importlib.metadata.distributions())
    return tuple(sorted({f"{name}=={version}" for name, version in names_and_versions if name}, key=str.lower))


def _name_and_version(distribution: importlib.metadata.Distribution) -> tuple[str, str]:
    # `name` and `version` of a distribution parse all of its metadata each time, with the README in them.
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    fields = dict(FIELD.findall(text.partition("\n\n")[0]))
    if {*fields} == {"Name", "Version"}:
        return fields["Name"], fields["Version"]
    return distribution.metadata["Name"], distribution.metadata["Version"]


def _git(folder: Path, *arguments: str) -> str:
    try:
        process = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):  # a run must not fail for want of git, or of a slow disk
        return ""
    return process.stdout if process.returncode == 0 else ""
