"""In which order a run sees its samples: a pure function of (seed, epoch), whatever loads them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from imtrans.kit.random import permutation


@dataclass(frozen=True, slots=True)
class SampleIndex:
    """A sample of a run: the epoch in which it is read, and its index in the split."""

    epoch: int
    index: int


@dataclass(frozen=True, slots=True)
class Position:
    """The position of a run in its data: `seen` samples of this epoch are done."""

    epoch: int = 0
    seen: int = 0


@dataclass(frozen=True, kw_only=True)
class StepSamples:
    """The samples of one step over all devices, and where the run stands after it."""

    indices: list[SampleIndex]
    after: Position

    def parts(self, *, ranks: int = 1, rank: int = 0, parts: int = 1) -> list[list[SampleIndex]]:
        """The samples of one of several devices, in at most `parts` parts; every device has the same number of them.

        Only where there are fewer samples than devices do some come twice.
        """
        # A device without a sample would leave the others waiting for its gradients.
        missing = max(0, ranks - len(self.indices))
        padded = [*self.indices, *(self.indices * missing)[:missing]]
        share = padded[rank::ranks]
        count = min(parts, len(padded) // ranks)
        sizes = [len(share) // count + (i < len(share) % count) for i in range(count)]
        return [share[sum(sizes[:i]) : sum(sizes[: i + 1])] for i in range(count)]

    def count(self, ranks: int = 1) -> int:
        """The samples that all devices see in this step."""
        return max(len(self.indices), ranks)


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
        """The steps of an epoch, its last and smaller one included."""
        return -(-self.count // self.batch_size)

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[StepSamples]:
        # A permutation takes 8 bytes a sample, and only one epoch is needed at a time.
        shuffled = lru_cache(maxsize=1)(lambda epoch: permutation(self.count, seed=self.seed, epoch=epoch))
        position = self.start
        for _ in range(self.steps):
            chosen = shuffled(position.epoch)[position.seen : position.seen + self.batch_size]
            indices = [SampleIndex(position.epoch, int(i)) for i in chosen]
            seen, epoch = position.seen + len(indices), position.epoch
            position = Position(epoch, seen) if seen < self.count else Position(epoch + 1, 0)
            yield StepSamples(indices=indices, after=position)

    def steps_to(self, epochs: int) -> int:
        """The steps from the start until so many epochs are done; 0 where they are."""
        left = self.count - self.start.seen
        return max(0, -(-left // self.batch_size) + (epochs - self.start.epoch - 1) * self.steps_per_epoch)
