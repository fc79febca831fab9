"""In which order a run sees its samples: a pure function of (seed, epoch), whatever loads them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from imtrans.kit.random import permutation


@dataclass(frozen=True, slots=True)
class SampleIndex:
    """Where a sample stands in a run."""

    epoch: int
    index: int


@dataclass(frozen=True, slots=True)
class Position:
    """How far a run has come: `seen` samples of this epoch are done."""

    epoch: int = 0
    seen: int = 0


@dataclass(frozen=True, kw_only=True)
class StepSamples:
    """The samples of one step over all devices, and where the run stands after it."""

    places: list[SampleIndex]
    after: Position

    def parts(self, *, ranks: int = 1, rank: int = 0, parts: int = 1) -> list[list[SampleIndex]]:
        """What one of several devices sees, in as many parts as every device has at this step.

        Only where there are fewer samples than devices are some seen twice.
        """
        lacking = max(0, ranks - len(self.places))
        everything = [*self.places, *(self.places * lacking)[:lacking]]
        share = everything[rank::ranks]
        count = min(parts, len(everything) // ranks)
        sizes = [len(share) // count + (i < len(share) % count) for i in range(count)]
        return [share[sum(sizes[:i]) : sum(sizes[: i + 1])] for i in range(count)]

    def count(self, ranks: int = 1) -> int:
        """The samples that all devices see in this step."""
        return max(len(self.places), ranks)


@dataclass(frozen=True, kw_only=True)
class EpochSampler:
    """The steps of a run from a position on. Every epoch visits each sample once; its last step may be smaller."""

    count: int
    batch_size: int
    seed: int
    steps: int
    start: Position = field(default_factory=Position)

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.count // self.batch_size)

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[StepSamples]:
        shuffled = lru_cache(maxsize=1)(lambda epoch: permutation(self.count, seed=self.seed, epoch=epoch))
        here = self.start
        for _ in range(self.steps):
            chosen = shuffled(here.epoch)[here.seen : here.seen + self.batch_size]
            places = [SampleIndex(here.epoch, int(i)) for i in chosen]
            seen = here.seen + len(places)
            here = Position(here.epoch, seen) if seen < self.count else Position(here.epoch + 1, 0)
            yield StepSamples(places=places, after=here)

    def steps_to(self, epochs: int) -> int:
        """How many steps from the start until so many epochs are done."""
        left = self.count - self.start.seen
        return max(0, -(-left // self.batch_size) + (epochs - self.start.epoch - 1) * self.steps_per_epoch)
