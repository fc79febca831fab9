"""Run folders and the checkpoints in them."""

import json
import os
import re
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from imtrans import atomic_io
from imtrans.errors import CheckpointError, ResourceError, join_names, nearest
from imtrans.net.hub_model import fetch, is_hub_name
from imtrans.plugins.interval import Interval

RUNS = Path("runs")
SUFFIX = ".safetensors"
WEIGHTS, OPTIMIZER = f"model{SUFFIX}", f"optimizer{SUFFIX}"
STATE = "state.json"
BEST = "best.json"
_STEP, _BEST = re.compile(r"step-(\d+)"), re.compile(r"best-(\d+)")


def find(run: Path, *, is_offline: bool = False) -> Path:
    """The checkpoint of a run folder, a run's name, a checkpoint folder or its weights file; or the weights file of a
    model on the Hub ("hf:USER/NAME@REVISION"), with `is_offline` from its cache alone.

    Of a run it is the newest intact one that could be resumed, else the best one; RUN@best is the best, and
    RUN@step-400 or RUN@400 that of a step. A safetensors file of any other name or place is returned as it is: it can
    be a model that was copied alone. CheckpointError names what is wrong, and the runs that exist.
    """
    if is_hub_name(run):
        return fetch(str(run), is_offline=is_offline).path
    path = next((p for p in (run, RUNS / run) if os.path.exists(p)), None)
    if path is None:
        return _of_name(run)
    if path.is_file():
        return _of_file(path)
    if (path / WEIGHTS).exists() or is_checkpoint(path):
        return _checked(path)
    checkpoint = newest(path) or best(path)
    if checkpoint is None:
        raise CheckpointError(f"run {str(run)!r} holds no checkpoint", hint="Train it further, or name another run.")
    return checkpoint


def weights_file(path: Path) -> Path:
    """The weights file of a checkpoint folder; a model that was copied alone is one itself."""
    return path if path.is_file() else path / WEIGHTS


def folder_of_file(file: Path) -> Path:
    """The checkpoint folder to which a file belongs; the file itself if it lies outside one."""
    folder, has_our_name = file.parent, file.name in (WEIGHTS, OPTIMIZER) or file.name.startswith("rank-")
    is_checkpoint = _STEP.fullmatch(folder.absolute().name) or (folder / atomic_io.MANIFEST).exists()
    return folder if has_our_name and is_checkpoint else file


def folder_of(run: Path) -> Path:
    """The run folder of this path or name. CheckpointError lists those that exist."""
    folder = next((p for p in (run, RUNS / run) if (p / "run.json").exists()), None)
    if folder is None:
        raise _not_found(run)
    return folder


def newest(run: Path) -> Path | None:
    """The newest intact checkpoint of a run folder, if it has any; broken ones that are newer are named on stderr.

    CheckpointError if all are broken.
    """
    steps = newest_first(run)
    for folder in steps:
        faults = atomic_io.faults(folder)
        if not faults:
            return folder
        # The oldest has none before it; that all are broken is raised below.
        if folder != steps[-1]:
            print(f"Warning: checkpoint {folder}: {faults[0]}; the one before it is taken", file=sys.stderr)  # noqa: T201
    if steps:
        raise broken(steps[0], atomic_io.faults(steps[0])[0])
    return None


def newest_first(run: Path) -> list[Path]:
    """The checkpoints of a run folder, by step; anything that is not named as one is left out."""
    numbered = [(step, p) for p in run.iterdir() if p.is_dir() and (step := step_of(p)) is not None]
    return [p for _, p in sorted(numbered, reverse=True)]


def step_of(folder: Path) -> int | None:
    """The step in a checkpoint folder's name; None for any other name."""
    match = _STEP.fullmatch(folder.name)
    return int(match.group(1)) if match else None


def last_and_best(run: Path, *, is_offline: bool = False) -> list[Path]:
    """The checkpoint that `find` gives and, where `run` names a whole run that keeps another one as its best, that."""
    last = find(run, is_offline=is_offline)
    chosen = best(last.parent) if _names_run(run) and not last.is_file() else None
    return [last, chosen] if chosen and number_of(chosen) != number_of(last) else [last]


def all_of(run: Path, *, is_offline: bool = False) -> list[Path]:
    """Every intact checkpoint of a run, from the first step to the last. CheckpointError for a single checkpoint."""
    last = find(run, is_offline=is_offline)
    if not _names_run(run) or last.is_file():
        raise CheckpointError(f"{run} is one checkpoint, not a run", hint="Name the run.")
    folder, chosen = last.parent, best(last.parent)
    numbered = {number_of(p) or 0: p for p in [*([chosen] if chosen else []), *newest_first(folder)]}
    return [p for _, p in sorted(numbered.items()) if not atomic_io.faults(p)]


def _names_run(path: Path) -> bool:
    """Whether a text that `find` takes names a run, not one of its checkpoints or a model alone."""
    return not is_hub_name(path) and any(
        p.is_dir() and not is_checkpoint(p) and not (p / WEIGHTS).exists() for p in (path, RUNS / path)
    )


def number_of(checkpoint: Path) -> int | None:
    """The step in the name of a checkpoint's folder, be it of the best weights or of all; None for any other name."""
    match = _STEP.fullmatch(checkpoint.name) or _BEST.fullmatch(checkpoint.name)
    return int(match.group(1)) if match else None


def is_checkpoint(path: Path) -> bool:
    """Whether the name is that of a checkpoint's folder or of a file, not of a run."""
    return bool(_STEP.fullmatch(path.name) or _BEST.fullmatch(path.name)) or path.is_file()


def step_name(step: int, *, is_best: bool = False) -> str:
    """The name of a checkpoint's folder; `is_best`: of one that holds the best weights alone."""
    return f"{'best' if is_best else 'step'}-{step:06}"


def prune(run: Path, *, keep: int, milestone_every: Interval | None = None) -> None:
    """Remove all checkpoints but the newest `keep` complete ones, the milestones and the best.

    To be called when a new one is committed and has been read again. A checkpoint that lacks bytes is not counted and
    not removed: somebody may want to look at it.
    """
    _remove(superfluous(run, keep=keep, milestone_every=milestone_every))


def superfluous(run: Path, *, keep: int, milestone_every: Interval | None = None) -> list[Path]:
    """What `prune` removes."""
    # Sizes alone: hashing gigabytes at each save would hold up the training.
    complete = [p for p in newest_first(run) if atomic_io.is_complete(p)]
    best_folder = best(run)
    return [p for p in complete[keep:] if p != best_folder and not _is_milestone(p, milestone_every)]


def prune_best(run: Path, *, keep: Collection[int]) -> None:
    """Remove the folders of best weights, but for those of the steps `keep`."""
    folders = ((p, _BEST.fullmatch(p.name)) for p in run.iterdir() if p.is_dir())
    _remove(p for p, match in folders if match and int(match[1]) not in keep)


def best(run: Path) -> Path | None:
    """The best checkpoint of a run, which best.json names; None where it names none that is there.

    It holds the weights alone, unless the run was told otherwise or the newest one is also the best.
    """
    name = best_record(run).get("checkpoint")
    return run / name if name and (run / name).is_dir() else None


def best_record(run: Path) -> dict[str, Any]:
    """What best.json says: step, metric, value and the name of the checkpoint; empty without one that can be read."""
    try:
        record = json.loads((run / BEST).read_text(encoding="utf-8"))
        return {
            "step": int(record["step"]),
            "metric": str(record["metric"]),
            "value": float(record["value"]),
            "checkpoint": str(record["checkpoint"]),
        }
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def broken(folder: Path, fault: str) -> CheckpointError:
    """The error that names the fault of a checkpoint, or of a model copied alone, and an intact one beside it."""
    if folder.suffix == SUFFIX:
        fault = fault.removeprefix(f"{folder.name} ")
        return CheckpointError(f"checkpoint {folder}: {fault}", hint="Take another copy of it.")
    others = (
        [p for p in newest_first(folder.parent) if p != folder and not atomic_io.faults(p)]
        if folder.parent.is_dir()
        else []
    )
    hint = f"Another one is whole: {others[0]}" if others else "Train again, or take another copy of it."
    return CheckpointError(f"checkpoint {folder}: {fault}", hint=hint)


def naming_checkpoint(folder: Path, error: CheckpointError) -> CheckpointError:
    """The same error, with the name of the checkpoint if it lacks it."""
    return error if str(folder) in error.what else broken(folder, error.what)


def _of_name(text: Path) -> Path:
    """The checkpoint that RUN@WHICH names."""
    name, at, which = str(text).rpartition("@")
    run = next((p for p in (Path(name), RUNS / name) if at and name and p.is_dir()), None)
    if run is None:
        raise _not_found(text)
    chosen = best(run) if which == "best" else None
    present = {f"step-{step_of(p)}": p for p in reversed(newest_first(run))}
    chosen = chosen or present.get(f"step-{which.removeprefix('step-').lstrip('0') or '0'}")
    if chosen is None:
        names = ", ".join([*(["best"] if best(run) else []), *present])
        raise CheckpointError(f"run {name!r} has no checkpoint {which!r}", hint=f"It has: {names or 'none'}")
    return _checked(chosen)


def _is_milestone(folder: Path, every: Interval | None) -> bool:
    # Checkpoints do not say it of themselves where an earlier release wrote them; its milestones came after steps.
    if every and every.unit == "steps" and every.amount and (step_of(folder) or 1) % every.amount == 0:
        return True
    try:
        return bool(json.loads((folder / STATE).read_text(encoding="utf-8")).get("is_milestone"))
    except (OSError, ValueError, AttributeError, RecursionError):
        return True  # nobody knows: it stays


def _remove(folders: Iterable[Path]) -> None:
    try:
        for folder in folders:
            atomic_io.remove_folder(folder)
    except ResourceError as error:  # a checkpoint too many is no reason to end a training
        print(f"Warning: {error.what}", file=sys.stderr)  # noqa: T201


def _of_file(file: Path) -> Path:
    folder = folder_of_file(file)
    if file.suffix != SUFFIX or (folder != file and file.name != WEIGHTS):
        raise _unsupported(file)
    return file if folder == file else _checked(folder)


def _checked(folder: Path) -> Path:
    faults = atomic_io.faults(folder)
    if faults:
        raise broken(folder, faults[0])
    return folder


def _unsupported(file: Path) -> CheckpointError:
    # torch.load of a stranger's pickle runs whatever code is in it.
    if file.suffix in (".pt", ".pth", ".ckpt", ".bin", ".pkl"):
        return CheckpointError(
            f"{file} is pickled and can run code when it is loaded",
            hint=f"Bring it in safely, as a run of its own: imtrans import {file}",
        )
    return CheckpointError(f"{file} is no run, checkpoint folder or {SUFFIX} file of a model")


def _not_found(run: Path) -> CheckpointError:
    known = [p.name for p in RUNS.iterdir() if p.is_dir()] if RUNS.is_dir() else []
    hint = f"The runs here: {join_names(known)}" if known else "No run is here yet: imtrans run pix2pix makes one."
    return CheckpointError(f"no run or checkpoint {str(run)!r}{nearest(run.name, known)}", hint=hint)
