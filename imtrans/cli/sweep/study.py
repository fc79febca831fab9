"""The trials of a sweep over all processes, and those whose process is gone."""

import os
import socket
import time
from collections.abc import Sequence
from typing import Any

from imtrans import atomic_io
from imtrans.cli.sweep.plan import SweepPlan

WORKER, ORIGIN, SURPLUS = "worker", "again_of", "surplus"  # attributes of a trial
SILENT = 300.0  # seconds after which a worker of another host counts as gone; it writes every BEAT
BEAT = 30.0
SETTLED = 10.0  # seconds


def trials(study: Any, *states: str) -> list[Any]:
    """The trials in these states (all without any), but those that were one too many."""
    found = study.get_trials(deepcopy=False)
    return [t for t in found if (not states or t.state.name in states) and SURPLUS not in t.user_attrs]


def origin(trial: Any) -> int:
    """The number of the trial that this one goes on with: its own, if it is the first of its values."""
    return int(trial.user_attrs.get(ORIGIN, trial.number))


def position(every: Sequence[Any], number: int) -> int:
    """How many other values were begun before those of a trial."""
    return sum(ORIGIN not in t.user_attrs and t.state.name != "WAITING" and t.number < number for t in every)


def run_name(plan: SweepPlan, trial: Any) -> str:
    """The name of a trial's run; one that is taken up again goes on in the same."""
    return f"{plan.name}-{origin(trial):03}"


def sign(trial: Any, training: int | None = None) -> None:
    """Write into the trial which process has it, that it lives, and the process of its training."""
    mark = {"host": socket.gethostname(), "pid": os.getpid(), "training": training, "seen": time.time()}
    trial.set_user_attr(WORKER, mark)


def take_up(study: Any, plan: SweepPlan) -> list[int]:
    """Let the trials of lost processes be run again with their values; returns their numbers.

    Optuna itself leaves them running for ever.
    """
    from optuna.exceptions import UpdateFinishedTrialError

    lost = [t for t in trials(study, "RUNNING") if is_lost(t) and not is_training(plan, t)]
    taken = []
    for trial in lost:
        try:
            study.tell(trial.number, state=_state("FAIL"))
        except (UpdateFinishedTrialError, ValueError):  # another process was first
            continue
        study.enqueue_trial(trial.params, user_attrs={ORIGIN: origin(trial)})
        taken.append(trial.number)
    for trial in dropped(study):
        if time.time() - trial.datetime_complete.timestamp() > SETTLED:
            study.enqueue_trial(trial.params, user_attrs={ORIGIN: origin(trial)})
            taken.append(trial.number)
    return taken


def dropped(study: Any) -> list[Any]:
    """Trials that were ended for a lost process by one that was killed itself before it could give the values on.

    Each other failure has a note. One that is seconds old may be given on this moment.
    """
    every = trials(study)
    last = {origin(t): t.number for t in every}  # in the order of their numbers
    return [t for t in every if t.state.name == "FAIL" and "note" not in t.user_attrs and last[origin(t)] == t.number]


def is_lost(trial: Any) -> bool:
    """Whether the process that had a running trial is gone."""
    mark = trial.user_attrs.get(WORKER)
    if mark is None:  # killed before it could sign, or just begun
        return bool(trial.datetime_start and time.time() - trial.datetime_start.timestamp() > SILENT)
    if mark["host"] == socket.gethostname():
        return not atomic_io.is_alive(int(mark["pid"]))
    return bool(time.time() - mark["seen"] > SILENT)


def is_training(plan: SweepPlan, trial: Any) -> bool:
    """Whether the training of a trial still runs: a worker that is killed may leave it behind."""
    mark = trial.user_attrs.get(WORKER, {})
    is_here = mark.get("host") == socket.gethostname()
    if is_here and mark["training"] and atomic_io.is_alive(mark["training"]):  # it may have no folder yet
        return True
    from imtrans.engine.checkpoints.checkpoint_paths import RUNS
    from imtrans.engine.runs import run_dir

    return run_dir.is_taken(RUNS / run_name(plan, trial))


def _state(name: str) -> Any:
    from optuna.trial import TrialState

    return TrialState[name]


def tell(study: Any, trial: Any, state: str, *, value: float | None = None, note: str = "") -> None:
    """End a trial: COMPLETE with its value, PRUNED or FAIL."""
    if note:
        trial.set_user_attr("note", note)
    study.tell(trial, value if state == "COMPLETE" else None, state=_state(state))
