"""Run folders and the checkpoints in them."""

import json
import os
import re
import sys
from pathlib import Path

from imtrans import atomic_io
from imtrans.errors import CheckpointError, ResourceError, nearest

RUNS = Path("runs")
SUFFIX = ".safetensors"
WEIGHTS, OPTIMIZER = f"model{SUFFIX}", f"optimizer{SUFFIX}"
BEST = "best.json"
_STEP = re.compile(r"step-(\d+)")


def find(run: Path) -> Path:
    """The checkpoint meant by a run folder, a run's name, a checkpoint folder or its weights file.

    Of a run the newest whole one is taken. A safetensors file of any other name or place is given as it is: it can be
    a model that was copied alone. CheckpointError names what is wrong, and the runs there are.
    """
    place = next((p for p in (run, RUNS / run) if os.path.exists(p)), None)
    if place is None:
        raise _missing(run)
    if place.is_file():
        return _of_file(place)
    if (place / WEIGHTS).exists() or _STEP.fullmatch(place.name):
        return _checked(place)
    found = newest(place)
    if found is None:
        raise CheckpointError(f"run {str(run)!r} holds no checkpoint", hint="Train it further, or name another run.")
    return found


def weights_file(place: Path) -> Path:
    """The weights' file of a checkpoint folder, or of a model that was copied alone, which it is itself."""
    return place if place.is_file() else place / WEIGHTS


def folder_of_file(file: Path) -> Path:
    """The checkpoint folder to which a file belongs; the file itself if it lies outside one."""
    folder, is_ours = file.parent, file.name in (WEIGHTS, OPTIMIZER) or file.name.startswith("rank-")
    is_whole = _STEP.fullmatch(folder.absolute().name) or (folder / atomic_io.MANIFEST).exists()
    return folder if is_ours and is_whole else file


def folder_of(run: Path) -> Path:
    """The run folder meant by its path or its name. CheckpointError lists those there are."""
    place = next((p for p in (run, RUNS / run) if (p / "run.json").exists()), None)
    if place is None:
        raise _missing(run)
    return place


def newest(run: Path) -> Path | None:
    """The newest whole checkpoint of a run folder, if it has any; broken ones that are newer are named on stderr.

    CheckpointError if all are broken.
    """
    steps = newest_first(run)
    for folder in steps:
        found = atomic_io.faults(folder)
        if not found:
            return folder
        if folder != steps[-1]:
            print(f"Warning: checkpoint {folder}: {found[0]}; the one before it is taken", file=sys.stderr)  # noqa: T201
    if steps:
        raise broken(steps[0], atomic_io.faults(steps[0])[0])
    return None


def newest_first(run: Path) -> list[Path]:
    """The checkpoints of a run folder, by step; stray files are none."""
    numbered = [(step, p) for p in run.iterdir() if p.is_dir() and (step := step_of(p)) is not None]
    return [p for _, p in sorted(numbered, reverse=True)]


def step_of(folder: Path) -> int | None:
    """The step in a checkpoint folder's name; None for any other name."""
    found = _STEP.fullmatch(folder.name)
    return int(found.group(1)) if found else None


def prune(run: Path, *, keep: int, milestone_every: int | None = None) -> None:
    """Take away all checkpoints but the newest `keep` whole ones, the milestones and the best.

    To be called when a new one is committed and has been read again. Whole is here what has all its bytes; what is not
    stays for somebody to look at, and counts for nothing. A fault only warns: there is merely one too many.
    """
    whole = [p for p in newest_first(run) if atomic_io.is_complete(p)]
    best = best_step(run)
    try:
        for folder in whole[keep:]:
            step = step_of(folder)
            if step != best and not (milestone_every and step and step % milestone_every == 0):
                atomic_io.remove_folder(folder)
    except ResourceError as error:
        print(f"Warning: {error.what}", file=sys.stderr)  # noqa: T201


def best_step(run: Path) -> int | None:
    """The step of the best checkpoint, as best.json tells it; None without one."""
    try:
        return int(json.loads((run / BEST).read_text(encoding="utf-8"))["step"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def broken(folder: Path, fault: str) -> CheckpointError:
    """The error that names the fault of a checkpoint, or of a model copied alone, and a whole one beside it."""
    if folder.suffix == SUFFIX:
        said = fault.removeprefix(f"{folder.name} ")
        return CheckpointError(f"checkpoint {folder}: {said}", hint="Take another copy of it.")
    others = (
        [p for p in newest_first(folder.parent) if p != folder and not atomic_io.faults(p)]
        if folder.parent.is_dir()
        else []
    )
    hint = f"Another one is whole: {others[0]}" if others else "Train again, or take another copy of it."
    return CheckpointError(f"checkpoint {folder}: {fault}", hint=hint)


def naming_checkpoint(folder: Path, error: CheckpointError) -> CheckpointError:
    """The same error, naming the checkpoint if it does not."""
    return error if str(folder) in error.what else broken(folder, error.what)


def _of_file(file: Path) -> Path:
    folder = folder_of_file(file)
    if file.suffix != SUFFIX or (folder != file and file.name != WEIGHTS):
        raise _refused(file)
    return file if folder == file else _checked(folder)


def _checked(folder: Path) -> Path:
    found = atomic_io.faults(folder)
    if found:
        raise broken(folder, found[0])
    return folder


def _refused(file: Path) -> CheckpointError:
    if file.suffix in (".pt", ".pth", ".ckpt", ".bin", ".pkl"):
        return CheckpointError(
            f"{file} is pickled and can run code when it is loaded",
            hint=f"Bring it in safely, as a run of its own: imtrans import {file}",
        )
    return CheckpointError(f"{file} is no run, checkpoint folder or {SUFFIX} file of a model")


def _missing(run: Path) -> CheckpointError:
    known = sorted(p.name for p in RUNS.iterdir() if p.is_dir()) if RUNS.is_dir() else []
    there = f"The runs here: {', '.join(known[-5:])}" if known else "No run is here yet: imtrans run pix2pix makes one."
    return CheckpointError(f"no run or checkpoint {str(run)!r}{nearest(run.name, known)}", hint=there)
