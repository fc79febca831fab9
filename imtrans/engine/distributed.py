"""The processes that train together, by torch's process groups; one process is a world of its own."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from imtrans.errors import ImtransError, PeerLostError, ResourceError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ProcessGroup:
    """Which of how many processes this is; collectives that do nothing where it is alone."""

    rank: int = 0
    size: int = 1
    local: int = 0

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes, in one flat transfer for each type."""
        if self.size == 1 or not tensors:
            return
        for dtype in dict.fromkeys(t.dtype for t in tensors):
            alike = [t for t in tensors if t.dtype == dtype]
            flat = torch.cat([t.reshape(-1) for t in alike])
            dist.all_reduce(flat)
            for tensor, part in zip(alike, torch.split(flat, [t.numel() for t in alike]), strict=True):
                tensor.copy_(part.view_as(tensor))

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the first one's values."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def gather(self, thing: T) -> list[T]:
        """Everybody's thing, by rank."""
        if self.size == 1:
            return [thing]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, thing)
        return found

    def max(self, number: int) -> int:
        """The largest of everybody's numbers."""
        if self.size == 1:
            return number
        told = torch.tensor([number])
        dist.all_reduce(told, dist.ReduceOp.MAX)
        return int(told)

    def on_first(self, work: Callable[[], T]) -> T:
        """What `work` gives in the first process, known to all; its fault is everybody's."""
        if self.size == 1:
            return work()
        told: tuple[Any, ImtransError | None] = (None, None)
        if self.is_first:
            try:
                told = (work(), None)
            except ImtransError as error:
                told = (None, error)
        found: list[Any] = [told]
        dist.broadcast_object_list(found, src=0)
        result, fault = found[0]
        if fault is not None:
            raise fault
        return result  # type: ignore[no-any-return]


def join(device: torch.device, *, patience: int, environment: Mapping[str, str] = os.environ) -> ProcessGroup:
    """The world that torchrun's environment tells of, its process group begun; else this process alone.

    `patience`: seconds for which a process may keep the others waiting.
    """
    if "RANK" not in environment or int(environment.get("WORLD_SIZE", "1")) < 2:
        return ProcessGroup()
    rank, size = int(environment["RANK"]), int(environment["WORLD_SIZE"])
    if not dist.is_initialized():
        # Objects and CPU tensors go over gloo also where the gradients go over NCCL.
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        try:
            dist.init_process_group(backend, timeout=timedelta(seconds=patience))
        except (RuntimeError, ValueError) as error:
            raise ResourceError(
                f"process {rank} of {size} found no connection to the others: {error}",
                hint="Start them all with torchrun, with one address and port.",
            ) from None
    return ProcessGroup(rank=rank, size=size, local=int(environment.get("LOCAL_RANK", rank)))


@contextlib.contextmanager
def map_peer_errors() -> Iterator[None]:
    """Errors that say that another process has gone, or kept this one waiting for too long, as PeerLostError."""
    try:
        yield
    except RuntimeError as error:
        if not _is_loss(error):
            raise
        raise PeerLostError(
            f"another of the processes that train together was lost: {' '.join(str(error).split())[:160]}",
            hint="To go on from the last checkpoint: the same command with --resume",
        ) from error


def _is_loss(error: RuntimeError) -> bool:
    signs = ("gloo/", "Connection closed by peer", "Connection reset", "Broken pipe", "NCCL", "ProcessGroup")
    return isinstance(error, dist.DistError) or any(sign in str(error) for sign in signs)


def shutdown() -> None:
    """End the process group, if there is one."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
