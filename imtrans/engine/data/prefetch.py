"""The batches of a run, step by step; loading starts again when a loading process is killed."""

import multiprocessing
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from imtrans.engine.data.loader import loader
from imtrans.engine.data.pair_loader import HostBatch, PairLoader
from imtrans.engine.data.sampler import EpochSampler, Position, SampleIndex, StepSamples
from imtrans.engine.data.workers import PATIENCE
from imtrans.engine.distributed import ProcessGroup
from imtrans.errors import ResourceError, join_names

MAX_REBUILDS = 3  # after so many deaths the cause is not chance
SHARED = Path("/dev/shm")


@dataclass(kw_only=True)
class Prefetcher:
    """Iterates over the steps, each with its batches, one for each part. `waited` sums the seconds spent waiting.

    When a loading process is killed, loading starts again at the same sample, three times at most. Raises ResourceError
    after that, and when a process takes two minutes for a batch. `load` takes the place of `loader`.
    """

    loading: PairLoader
    order: EpochSampler
    workers: int
    world: ProcessGroup = field(default_factory=ProcessGroup)
    parts: int = 1
    waited: float = 0.0
    rebuilds: int = 0
    load: Callable[..., Iterator[HostBatch]] | None = None

    def __iter__(self) -> Iterator[tuple[StepSamples, list[HostBatch]]]:
        done, position = 0, self.order.start
        while done < self.order.steps:
            try:
                for step, stored in self._from(position, self.order.steps - done):
                    done, position = done + 1, step.after
                    yield step, stored
            except (RuntimeError, ConnectionError) as error:
                self._handle_death(error, position)

    def _from(self, start: Position, steps: int) -> Iterator[tuple[StepSamples, list[HostBatch]]]:
        """The steps from `start` on; once every sample is in the cache without worker processes, and anew by `load`."""
        cache = self.loading.cache
        is_to_change = self.workers or self.load is not None
        first = self._steps_to_fill(start, steps) if cache and is_to_change and not cache.is_whole else 0
        for count in (first, steps - first):
            if count:
                # The main process gathers cached batches faster than others can hand them over.
                workers = 0 if cache and cache.is_whole else self.workers
                for step, stored in self._stretch(start, count, workers=workers):
                    start = step.after
                    yield step, stored

    def _steps_to_fill(self, start: Position, steps: int) -> int:
        """The steps until every sample has been visited."""
        order = replace(self.order, start=start)
        return min(steps, order.steps_to(start.epoch + 1 + bool(start.seen)))

    def _stretch(self, start: Position, steps: int, *, workers: int) -> Iterator[tuple[StepSamples, list[HostBatch]]]:
        order = replace(self.order, start=start, steps=steps)
        parts = (places for step in order for places in self._parts(step))
        batches = (self.load or loader)(self.loading, parts, workers=workers)
        for step in order:
            began = time.monotonic()
            stored = [next(batches) for _ in self._parts(step)]
            self.waited += time.monotonic() - began
            yield step, stored

    def _parts(self, step: StepSamples) -> list[list[SampleIndex]]:
        return step.parts(ranks=self.world.size, rank=self.world.rank, parts=self.parts)

    def _handle_death(self, error: RuntimeError | ConnectionError, position: Position) -> None:
        """Return after the death of a loading process, so that loading starts again; raise anything else."""
        if "DataLoader timed out" in str(error):
            for process in multiprocessing.active_children():  # the main process would wait for it when it exits
                process.kill()
            raise ResourceError(
                f"a loading process took more than {PATIENCE} seconds for one of {self._files(position)}",
                hint="Look at that disk, or load in the main process: --workers 0",
            ) from error
        if "DataLoader worker" not in str(error):
            raise error
        self.rebuilds += 1
        if self.rebuilds > MAX_REBUILDS:
            # Containers often have 64 MB of shared memory, which looks like a killed process.
            room = f"; {SHARED} has {shutil.disk_usage(SHARED).free / 1e6:,.0f} MB free" if SHARED.is_dir() else ""
            raise ResourceError(
                f"loading processes were killed {self.rebuilds} times{room}",
                hint="Memory may be short: load in the main process: --workers 0",
            ) from error
        print(f"Warning: a loading process was killed; loading again from {self._files(position)}", file=sys.stderr)  # noqa: T201

    def _files(self, position: Position) -> str:
        step = next(iter(replace(self.order, start=position, steps=1)))
        dataset = self.loading.source.dataset
        files = [str(f) for place in step.indices for f in dataset.files(place.index)]
        return join_names(files, most=3) if files else f"samples {', '.join(str(p.index) for p in step.indices[:3])}"
