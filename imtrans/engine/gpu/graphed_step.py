"""A training step that is recorded, where the method allows it and all batches are alike."""

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from imtrans.engine.gpu.graph import Graph
from imtrans.engine.optim.optimizer_step import OptimizerStep
from imtrans.interfaces import Batch

# Steps before it is recorded: libraries choose their kernels in them, and optimizers make their moments.
WARM_UP = 3
Values = Mapping[str, Tensor]


class GraphedStep:
    """`run` on each batch, from the fourth of a shape on as a recording.

    A batch of another shape, as the last of an epoch, is run as it is. So is everything once a recording has failed,
    which one line says. `run` must do the same for any two batches of one shape, without a look at values or keys.
    """

    def __init__(self, run: Callable[[Batch], Values], update: OptimizerStep, new_graph: Callable[[], Graph]) -> None:
        self._run, self._update, self._new_graph = run, update, new_graph
        self._graph: Graph | None = None
        self._shapes, self._is_given_up = "", False
        self._seen = Counter[str]()

    def __call__(self, batch: Batch) -> Values:
        """What `run` gives; tensors that the next call may overwrite."""
        if self._is_given_up:
            return self._run(batch)
        groups, shapes = self._update.groups.values(), _shapes(batch)
        # Loading a checkpoint gives the optimizers other states than those of the recording.
        if self._graph is None or any(g.optimizer.state is not s for g, s in zip(groups, self._states, strict=True)):
            self._begin()
        assert self._graph is not None
        if not self._shapes and self._seen[shapes] >= WARM_UP:
            self._record(batch)
        self._seen[shapes] += 1
        return self._replay(batch) if self._shapes == shapes else self._graph.warm_up(lambda: self._run(batch))

    def _begin(self) -> None:
        self._graph, self._shapes = self._new_graph(), ""
        self._seen.clear()
        _move_rates(self._update)
        self._states = [group.optimizer.state for group in self._update.groups.values()]

    def _record(self, batch: Batch) -> None:
        assert self._graph is not None
        self._batch, before = _copied(batch), len(self._update.faults)
        try:
            self._values = self._graph.record(lambda: self._run(self._batch))
        except RuntimeError as error:  # torch has no error class of its own for what cannot be recorded
            self._is_given_up = True
            why = str(error).strip().splitlines()[0]
            print(f"Note: the step is not recorded as a CUDA graph: {why}", file=sys.stderr)  # noqa: T201
            for group in self._update.groups.values():
                group.optimizer.zero_grad(set_to_none=True)
        else:
            self._shapes, self._norms = _shapes(batch), dict(self._update.norms)
            self._faults = self._update.faults[before:]
        del self._update.faults[before:]  # nothing was done yet

    def _replay(self, batch: Batch) -> Values:
        assert self._graph is not None
        for kept, given in zip(_tensors(self._batch), _tensors(batch), strict=True):
            kept.copy_(given, non_blocking=True)
        self._graph.replay()
        self._update.stepped, self._update.norms = True, dict(self._norms)
        # They are read some steps later, and the next replay overwrites them.
        self._update.faults += [(name, is_bad.clone()) for name, is_bad in self._faults]
        return self._values


def _move_rates(update: OptimizerStep) -> None:
    """Keep the learning rates on the device, where a recorded step finds those of the day."""
    for settings in (settings for group in update.groups.values() for settings in group.optimizer.param_groups):
        device = settings["params"][0].device
        settings["lr"] = torch.as_tensor(settings["lr"], dtype=torch.float32).to(device)
        settings["capturable"] = device.type == "cuda"


def _tensors(batch: Batch) -> list[Tensor]:
    """The tensors on the device, in one order."""
    return [t for t in (batch.source, batch.target, batch.valid, *batch.extras.values()) if t is not None]


def _shapes(batch: Batch) -> str:
    """What two batches must have in common."""
    return f"{[(*t.shape, t.dtype) for t in _tensors(batch)]} {batch.valid is None} {[*batch.extras]}"


def _copied(batch: Batch) -> Batch:
    """The same batch in tensors of its own."""
    extras = {name: tensor.clone() for name, tensor in batch.extras.items()}
    valid = None if batch.valid is None else batch.valid.clone()
    return replace(batch, source=batch.source.clone(), target=batch.target.clone(), valid=valid, extras=extras)
