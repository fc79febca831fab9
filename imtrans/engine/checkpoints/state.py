"""Everything that a run is made of besides its configuration: what a checkpoint holds so that it goes on exactly."""

import contextlib
import dataclasses
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imtrans.engine.build import Model
from imtrans.engine.checkpoints.serialization import moved
from imtrans.engine.data.sampler import Position
from imtrans.engine.optim.optimizer_step import OptimizerStep
from imtrans.errors import CheckpointError


@dataclass(kw_only=True)
class Progress:
    """How far a run is: finished steps, its place in the data, and what was found on the way.

    `settled` is the last step after which everything due was done: logging, evaluation, samples. `best` is the step
    and the value of the best evaluation; `idle` counts the evaluations since. `sums` are what methods told since the
    last log line, over `since` pictures; `rollbacks` counts returns to an earlier checkpoint.
    """

    step: int = 0
    settled: int = 0
    position: Position = field(default_factory=Position)
    best: tuple[int, float] | None = None
    idle: int = 0
    rollbacks: int = 0
    since: float = 0.0
    sums: dict[str, Tensor] = field(default_factory=dict)

    def tree(self) -> dict[str, Any]:
        """What is not a tensor, as JSON holds it."""
        told = {k: getattr(self, k) for k in ("step", "settled", "idle", "rollbacks", "since")}
        return {**told, "position": dataclasses.asdict(self.position), "best": self.best and list(self.best)}

    def restore(self, told: Mapping[str, Any]) -> None:
        """Take the values of `tree`. CheckpointError names one that is missing or is no number."""
        try:
            for name in ("step", "settled", "idle", "rollbacks"):
                setattr(self, name, int(told[name]))
            self.since = float(told["since"])
            self.position = Position(int(told["position"]["epoch"]), int(told["position"]["seen"]))
            self.best = (int(told["best"][0]), float(told["best"][1])) if told["best"] else None
        except KeyError as error:
            raise CheckpointError(f"progress lacks {error}") from None
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"progress cannot be read ({error})") from None


def shared_state(model: Model, update: OptimizerStep) -> dict[str, Any]:
    """The state that is the same on every device: optimisers, scalers, and how many weights were averaged."""
    groups = {
        n: {"optimizer": g.optimizer.state_dict(), "scaler": g.scaler.state_dict()} for n, g in update.groups.items()
    }
    return {"groups": groups, "averaged": {n: int(a.n_averaged) for n, a in model.averages.items()}}


def restore_shared_state(model: Model, update: OptimizerStep, told: Mapping[str, Any]) -> None:
    """Take what `shared` gave. CheckpointError names a group that is missing, or whose state does not fit."""
    for name, group in update.groups.items():
        if name not in told.get("groups", {}):
            raise CheckpointError(f"the optimiser of {name!r} is missing")
        try:
            _check_moments(group.optimizer, told["groups"][name]["optimizer"])
            group.optimizer.load_state_dict(told["groups"][name]["optimizer"])
            if group.scaler.is_enabled():
                group.scaler.load_state_dict(told["groups"][name]["scaler"])
        except (KeyError, ValueError, TypeError, RuntimeError, AttributeError) as error:
            raise CheckpointError(f"the optimiser of {name!r} does not fit ({error})") from None
    for name, average in model.averages.items():
        if name not in told.get("averaged", {}):
            raise CheckpointError(f"how often the weights of {name!r} were averaged is missing")
        average.n_averaged.fill_(int(told["averaged"][name]))


def rank_state(model: Model, progress: Progress) -> dict[str, Any]:
    """The state of this process alone: random numbers, what the method keeps, what was summed up for the log."""
    return {"random": rng_state(model.device), "method": dict(model.method.state_dict()), "sums": progress.sums}


def restore_rank_state(model: Model, progress: Progress, told: Mapping[str, Any]) -> None:
    """Take what `own` gave. CheckpointError names a missing part."""
    for name in ("random", "method", "sums"):
        if name not in told:
            raise CheckpointError(f"state {name!r} is missing")
    try:
        model.method.load_state_dict(moved(told["method"], model.device))
        progress.sums = moved(told["sums"], model.device)
    except (TypeError, ValueError, RuntimeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"what the method kept cannot be read ({error})") from None
    restore_rng_state(told["random"], model.device)


def rng_state(device: torch.device) -> dict[str, Any]:
    """The state of every global generator: torch's, this device's, numpy's and Python's."""
    kind, keys, place, has_gauss, gauss = np.random.get_state()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "numpy": (kind, torch.from_numpy(np.asarray(keys).astype(np.int64)), place, has_gauss, gauss),
        "python": random.getstate(),
    }


def restore_rng_state(told: Mapping[str, Any], device: torch.device) -> None:
    """Set every global generator as it was. CheckpointError names one that is missing or unreadable."""
    for name in ("torch", "numpy", "python", *(["cuda"] if device.type == "cuda" else [])):
        if told.get(name) is None:
            raise CheckpointError(f"the random state of {name} is missing")
    try:
        torch.set_rng_state(told["torch"])
        kind, keys, place, has_gauss, gauss = told["numpy"]
        np.random.set_state((kind, keys.numpy().astype(np.uint32), place, has_gauss, gauss))
        random.setstate(told["python"])
        if device.type == "cuda":
            torch.cuda.set_rng_state(told["cuda"], device)
    except (TypeError, ValueError, RuntimeError, KeyError, IndexError, AttributeError) as error:
        raise CheckpointError(f"the random state cannot be read ({error})") from None


@contextlib.contextmanager
def preserve_rng(device: torch.device) -> Iterator[None]:
    """Whatever is drawn in the block, training goes on with the numbers that it would have had without it."""
    before = rng_state(device)
    try:
        yield
    finally:
        restore_rng_state(before, device)


def seed(number: int, *, rank: int = 0) -> None:
    """Begin every global generator anew; each process draws numbers of its own."""
    torch.manual_seed(number + 1_000_003 * rank)
    np.random.seed((number + rank) % 2**32)
    random.seed(number + rank)


def not_finite(model: Model, update: OptimizerStep) -> Iterator[str]:
    """The names of weights, buffers and optimiser states that hold NaN or infinity."""
    named = {f"{n}.{k}": v for n, network in model.networks.items() for k, v in network.state_dict().items()}
    named |= {f"ema.{n}.{k}": v for n, a in model.averages.items() for k, v in a.module.state_dict().items()}
    for name, group in update.groups.items():
        for place, values in group.optimizer.state.items():
            named |= {f"optimizer.{name}.{id(place)}.{k}": v for k, v in values.items() if isinstance(v, Tensor)}
    named = {k: v for k, v in named.items() if v.is_floating_point() and v.numel()}
    for device in {v.device for v in named.values()}:
        here = {k: v for k, v in named.items() if v.device == device}
        # One number for each tensor, and one transfer for all.
        sound = torch.stack([v.isfinite().all() for v in here.values()]).tolist()
        yield from (k for k, is_sound in zip(here, sound, strict=True) if not is_sound)


def _check_moments(optimizer: torch.optim.Optimizer, told: Mapping[str, Any]) -> None:
    """torch takes a state that lacks parameters or moments, or has other shapes, without a word."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    places, states = [i for group in told["param_groups"] for i in group["params"]], told["state"]
    if len(places) != len(parameters):
        raise ValueError(f"{len(places)} parameters, not {len(parameters)}")
    everything = set().union(*states.values()) if states else set()
    for place, parameter in zip(places, parameters, strict=True) if states else ():
        lacking = everything - set(states.get(place, {}))
        if lacking and isinstance(optimizer, torch.optim.Adam):
            raise ValueError(f"{min(lacking)} of parameter {place} is missing")
        for key, value in states.get(place, {}).items():
            if isinstance(value, Tensor) and value.dim() == parameter.dim() and value.shape != parameter.shape:
                raise ValueError(f"{key} of parameter {place} is {tuple(value.shape)}, not {tuple(parameter.shape)}")
