"""Writing a checkpoint beside the training, one at a time."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from imtrans.config.speedups import is_asked
from imtrans.engine.checkpoints.content import CheckpointContent
from imtrans.engine.checkpoints.copy_buffer import CopyBuffer
from imtrans.plugins.recipe import TrainOptions

LARGE = 64_000_000  # bytes; fewer are written in less time than a step takes

Write = Callable[[CheckpointContent], Path]


class Pending(NamedTuple):
    """A checkpoint that is being written: of which step, and which step was the best then."""

    write: Future[Path]
    step: int
    best: int | None


class BackgroundWriter:
    """Has at most one checkpoint in writing; None for processes that save together."""

    def __init__(self, options: TrainOptions, *, is_alone: bool) -> None:
        least = 0 if "background-save" in options.speedups else LARGE
        self._least = least if is_alone and is_asked(options, "background-save") else None
        self._threads, self._buffer = ThreadPoolExecutor(1, thread_name_prefix="checkpoint"), CopyBuffer()
        self._pending: Pending | None = None

    def accepts(self, content: CheckpointContent) -> bool:
        """Whether it is worth a copy and a thread."""
        return self._least is not None and content.size >= self._least

    def begin(self, content: CheckpointContent, write: Write, *, step: int, best: int | None, is_fixed: bool) -> None:
        """Write it; a copy of it, unless its tensors stay as they are (`is_fixed`). `take` has to come first."""
        held = content if is_fixed else self._buffer.copy(content)
        self._pending = Pending(self._threads.submit(write, held), step, best)

    def take(self, *, is_waiting: bool) -> Pending | None:
        """What was in writing, once; without `is_waiting` only if that is over."""
        if self._pending is None or not (is_waiting or self._pending.write.done()):
            return None
        pending, self._pending = self._pending, None
        return pending

    def close(self) -> None:
        """Wait for what is being written; it tells nothing of how that ended."""
        self._threads.shutdown()
