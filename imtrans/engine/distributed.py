"""The processes that train together, by torch's process groups; one process alone is a group of size 1."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from imtrans.engine.launcher_store import fresh_store
from imtrans.errors import ImtransError, PeerLostError, ResourceError

T = TypeVar("T")


class PendingReduction:
    """A sum or maximum over all processes that is under way."""

    def __init__(self, work: dist.Work) -> None:
        self._work = work

    def wait(self) -> None:
        """Wait until it is there; on a GPU, let what comes after wait."""
        self._work.wait()


@dataclass(frozen=True, kw_only=True)
class ProcessGroup:
    """The rank of this process and the number of all; with one process the collectives do nothing.

    `group` is torch's, None for that of all processes; `timeout` how long one may keep the others waiting.
    """

    rank: int = 0
    size: int = 1
    local: int = 0
    group: dist.ProcessGroup | None = None
    timeout: timedelta = timedelta(seconds=120)

    def alongside(self) -> "ProcessGroup":
        """The same processes with connections of their own, for what is exchanged while others exchange something.

        All processes must call it, in the same order.
        """
        return self if self.size == 1 else replace(self, group=dist.new_group(timeout=self.timeout))

    @property
    def is_first(self) -> bool:
        """Whether this process has rank 0: the one that writes files."""
        return self.rank == 0

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes, in one flat transfer for each type."""
        if self.size == 1 or not tensors:
            return
        for dtype in dict.fromkeys(t.dtype for t in tensors):
            same_dtype = [t for t in tensors if t.dtype == dtype]
            flat = torch.cat([t.reshape(-1) for t in same_dtype])
            dist.all_reduce(flat, group=self.group)
            for tensor, part in zip(same_dtype, torch.split(flat, [t.numel() for t in same_dtype]), strict=True):
                tensor.copy_(part.view_as(tensor))

    def begin_sum(self, tensor: Tensor) -> "PendingReduction":
        """Begin to replace a tensor by its sum over all processes; it is to be left alone until the wait is over."""
        return self._begin(tensor, dist.ReduceOp.SUM)

    def begin_max(self, tensor: Tensor) -> "PendingReduction":
        """The same for the largest."""
        return self._begin(tensor, dist.ReduceOp.MAX)

    def _begin(self, tensor: Tensor, operation: Any) -> "PendingReduction":
        work = dist.all_reduce(tensor, operation, group=self.group, async_op=True)
        assert work is not None  # this process is in the group
        return PendingReduction(work)

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Copy the first process's values to every process, in place."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, src=0, group=self.group)

    def gather(self, value: T) -> list[T]:
        """The values of all processes, by rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value, group=self.group)
        return values

    def on_first(self, work: Callable[[], T]) -> T:
        """The result of `work` in the first process, in all; an ImtransError there is raised in all."""
        if self.size == 1:
            return work()
        outcome: tuple[Any, ImtransError | None] = (None, None)
        if self.is_first:
            try:
                outcome = (work(), None)
            except ImtransError as error:  # if only the first process raised it the others would wait until a timeout
                outcome = (None, error)
        outcomes: list[Any] = [outcome]
        dist.broadcast_object_list(outcomes, src=0, group=self.group)
        result, error_of_first = outcomes[0]
        if error_of_first is not None:
            raise error_of_first
        return result  # type: ignore[no-any-return]


def join(device: torch.device, *, timeout: int, environment: Mapping[str, str] = os.environ) -> ProcessGroup:
    """The process group that torchrun's environment describes, initialised; without one this process alone.

    `timeout` is how many seconds a process may keep the others waiting. ResourceError if they cannot be reached.
    """
    if "RANK" not in environment or int(environment.get("WORLD_SIZE", "1")) < 2:
        return ProcessGroup()
    rank, size = int(environment["RANK"]), int(environment["WORLD_SIZE"])
    patience = timedelta(seconds=timeout)
    if not dist.is_initialized():
        # Objects and CPU tensors go over gloo also where the gradients go over NCCL.
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        try:
            store = fresh_store(rank, size, timeout=patience, environment=environment)
            dist.init_process_group(backend, timeout=patience, store=store, rank=rank, world_size=size)
        except (RuntimeError, ResourceError, ValueError) as error:
            raise ResourceError(
                f"process {rank} of {size} found no connection to the others: {error}",
                hint="Start them all with torchrun, with one address and port.",
            ) from None
    local = int(environment.get("LOCAL_RANK", rank))
    return ProcessGroup(rank=rank, size=size, local=local, timeout=patience)


@contextlib.contextmanager
def map_peer_errors() -> Iterator[None]:
    """Raise PeerLostError for torch's errors of a lost or too slow process."""
    try:
        yield
    except RuntimeError as error:
        if not _is_loss(error):
            raise
        raise PeerLostError(
            f"another of the processes that train together was lost: {' '.join(str(error).split())[:160]}",
            hint="To resume from the last checkpoint: the same command with --resume",
        ) from error


def _is_loss(error: RuntimeError) -> bool:
    # torch has no error class of its own for most of these.
    signs = ("gloo/", "Connection closed by peer", "Connection reset", "Broken pipe", "NCCL", "ProcessGroup")
    return isinstance(error, dist.DistError) or any(sign in str(error) for sign in signs)


def shutdown() -> None:
    """End the process group, if there is one."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
