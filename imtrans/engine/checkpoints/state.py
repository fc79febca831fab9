"""The state of a run besides its configuration: what a checkpoint holds so that a resumed run continues exactly."""

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
from imtrans.kit.weight_file import all_finite


@dataclass(kw_only=True)
class Progress:
    """How far a run is: finished steps, its position in the data, and its best evaluation.

    `settled` is the last step after which everything due was done: logging, evaluation, samples. `best` is the step
    and the value of the best evaluation; `idle` counts the evaluations since. `sums` are the sums of what methods
    logged since the last log line, over `since` samples; `rollbacks` counts returns to an earlier checkpoint.
    """

    step: int = 0
    settled: int = 0
    position: Position = field(default_factory=Position)
    best: tuple[int, float] | None = None
    idle: int = 0
    rollbacks: int = 0
    since: float = 0.0
    sums: dict[str, Tensor] = field(default_factory=dict)

    @property
    def best_step(self) -> int | None:
        """The step of the best evaluation; None before the first."""
        return self.best[0] if self.best else None

    def tree(self) -> dict[str, Any]:
        """The values that are not tensors, as JSON holds them."""
        values = {k: getattr(self, k) for k in ("step", "settled", "idle", "rollbacks", "since")}
        return {**values, "position": dataclasses.asdict(self.position), "best": self.best and list(self.best)}

    def restore(self, tree: Mapping[str, Any]) -> None:
        """Set the values that `tree()` returned. CheckpointError names one that is missing or is no number."""
        try:
            for name in ("step", "settled", "idle", "rollbacks"):
                setattr(self, name, int(tree[name]))
            self.since = float(tree["since"])
            self.position = Position(int(tree["position"]["epoch"]), int(tree["position"]["seen"]))
            self.best = (int(tree["best"][0]), float(tree["best"][1])) if tree["best"] else None
        except KeyError as error:
            raise CheckpointError(f"progress lacks {error}") from None
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"progress cannot be read ({error})") from None


def shared_state(model: Model, update: OptimizerStep) -> dict[str, Any]:
    """The state that is the same on every device: optimisers, scalers, and how many weights were averaged."""
    groups = {
        n: {"optimizer": _without_recording(g.optimizer.state_dict()), "scaler": g.scaler.state_dict()}
        for n, g in update.groups.items()
    }
    return {"groups": groups, "averaged": {n: int(a.n_averaged) for n, a in model.averages.items()}}


def _without_recording(saved: dict[str, Any]) -> dict[str, Any]:
    """The same with plain learning rates: on the device they are for a recorded step alone."""
    plain = [
        {**settings, "lr": float(settings["lr"]), **({"capturable": False} if "capturable" in settings else {})}
        for settings in saved["param_groups"]
    ]
    return {**saved, "param_groups": plain}


def restore_shared_state(model: Model, update: OptimizerStep, saved: Mapping[str, Any]) -> None:
    """Load what `shared_state` returned. CheckpointError names a group that is missing, or whose state does not fit."""
    for name, group in update.groups.items():
        if name not in saved.get("groups", {}):
            raise CheckpointError(f"the optimiser of {name!r} is missing")
        try:
            _check_moments(group.optimizer, saved["groups"][name]["optimizer"])
            group.optimizer.load_state_dict(saved["groups"][name]["optimizer"])
            if group.scaler.is_enabled():
                group.scaler.load_state_dict(saved["groups"][name]["scaler"])
        except (KeyError, ValueError, TypeError, RuntimeError, AttributeError) as error:
            raise CheckpointError(f"the optimiser of {name!r} does not fit ({error})") from None
    for name, average in model.averages.items():
        if name not in saved.get("averaged", {}):
            raise CheckpointError(f"how often the weights of {name!r} were averaged is missing")
        average.n_averaged.fill_(int(saved["averaged"][name]))


def rank_state(model: Model, progress: Progress) -> dict[str, Any]:
    """The state of this process alone: random numbers, the method's state, and the sums for the next log line."""
    return {"random": rng_state(model.device), "method": dict(model.method.state_dict()), "sums": progress.sums}


def restore_rank_state(model: Model, progress: Progress, saved: Mapping[str, Any]) -> None:
    """Load what `rank_state` returned. CheckpointError names a missing part."""
    for name in ("random", "method", "sums"):
        if name not in saved:
            raise CheckpointError(f"state {name!r} is missing")
    try:
        model.method.load_state_dict(moved(saved["method"], model.device))
        progress.sums = moved(saved["sums"], model.device)
    except (TypeError, ValueError, RuntimeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"the method's own state cannot be read ({error})") from None
    restore_rng_state(saved["random"], model.device)


def rng_state(device: torch.device) -> dict[str, Any]:
    """The state of every global generator: torch's, this device's, numpy's and Python's."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        # As int64: torch supports uint32 only in part.
        "numpy": (kind, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, gauss),
        "python": random.getstate(),
    }


def restore_rng_state(saved: Mapping[str, Any], device: torch.device) -> None:
    """Set every global generator to a saved state. CheckpointError names one that is missing or unreadable."""
    for name in ("torch", "numpy", "python", *(["cuda"] if device.type == "cuda" else [])):
        if saved.get(name) is None:
            raise CheckpointError(f"the random state of {name} is missing")
    try:
        torch.set_rng_state(saved["torch"])
        kind, keys, position, has_gauss, gauss = saved["numpy"]
        np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
        random.setstate(saved["python"])
        if device.type == "cuda":
            torch.cuda.set_rng_state(saved["cuda"], device)
    except (TypeError, ValueError, RuntimeError, KeyError, IndexError, AttributeError) as error:
        raise CheckpointError(f"the random state cannot be read ({error})") from None


@contextlib.contextmanager
def preserve_rng(device: torch.device) -> Iterator[None]:
    """Restore every global generator after the block, so that what it draws does not change the training."""
    before = rng_state(device)
    try:
        yield
    finally:
        restore_rng_state(before, device)


def seed(number: int, *, rank: int = 0) -> None:
    """Seed every global generator, differently in each process."""
    # Far apart, so that no rank has the seed of another run whose seed is the next number.
    torch.manual_seed(number + 1_000_003 * rank)
    np.random.seed((number + rank) % 2**32)
    random.seed(number + rank)


def not_finite(model: Model, update: OptimizerStep) -> Iterator[str]:
    """The names of weights, buffers and optimiser states that hold NaN or infinity."""
    named = {f"{n}.{k}": v for n, network in model.networks.items() for k, v in network.state_dict().items()}
    named |= {f"ema.{n}.{k}": v for n, a in model.averages.items() for k, v in a.module.state_dict().items()}
    for name, group in update.groups.items():
        for parameter, values in group.optimizer.state.items():
            named |= {f"optimizer.{name}.{id(parameter)}.{k}": v for k, v in values.items() if isinstance(v, Tensor)}
    named = {k: v for k, v in named.items() if v.is_floating_point()}
    for device in {v.device for v in named.values()}:
        on_device = {k: v for k, v in named.items() if v.device == device}
        # One transfer for all: a transfer for each tensor would wait for the GPU each time.
        finite = torch.stack([all_finite(v) for v in on_device.values()]).tolist()
        yield from (k for k, is_finite in zip(on_device, finite, strict=True) if not is_finite)


def _check_moments(optimizer: torch.optim.Optimizer, saved: Mapping[str, Any]) -> None:
    """Raise ValueError for a state that lacks parameters or moments, or has other shapes: torch loads it silently."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    ids, states = [i for group in saved["param_groups"] for i in group["params"]], saved["state"]
    if len(ids) != len(parameters):
        raise ValueError(f"{len(ids)} parameters, not {len(parameters)}")
    moments = set().union(*states.values()) if states else set()
    for number, parameter in zip(ids, parameters, strict=True) if states else ():
        missing = moments - set(states.get(number, {}))
        # Other optimisers may have moments for some of the parameters alone.
        if missing and isinstance(optimizer, torch.optim.Adam):
            raise ValueError(f"{min(missing)} of parameter {number} is missing")
        for key, value in states.get(number, {}).items():
            if isinstance(value, Tensor) and value.dim() == parameter.dim() and value.shape != parameter.shape:
                raise ValueError(f"{key} of parameter {number} is {tuple(value.shape)}, not {tuple(parameter.shape)}")
