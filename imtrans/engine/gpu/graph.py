"""A piece of work on a GPU that is recorded once and replayed."""

from collections.abc import Callable
from typing import Protocol, TypeVar

import torch

T = TypeVar("T")


class Graph(Protocol):
    """Records what is done on a device, and does it again with what then lies in the same tensors."""

    def warm_up(self, work: Callable[[], T]) -> T:
        """Do the work, in such a way that it can be recorded afterwards."""
        ...

    def record(self, work: Callable[[], T]) -> T:
        """Record the work without doing it. RuntimeError where that cannot be done."""
        ...

    def replay(self) -> None:
        """Do what was recorded."""
        ...


class CUDAGraph:
    """torch's graph of a CUDA device."""

    def __init__(self, device: torch.device) -> None:
        self._stream: torch.cuda.Stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._graph = torch.cuda.CUDAGraph()

    def warm_up(self, work: Callable[[], T]) -> T:
        """Do the work on the stream of the recording: autograd remembers on which one a weight was first used."""
        current = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            given = work()
        current.wait_stream(self._stream)
        return given

    def record(self, work: Callable[[], T]) -> T:
        """Record the work; its tensors stay where they are, in memory of the graph's own."""
        with torch.cuda.graph(self._graph, stream=self._stream):
            return work()

    def replay(self) -> None:
        """Do what was recorded, after all that was asked of the device before."""
        self._graph.replay()
