"""Every sample of a data set examined, once: what is remembered of unchanged files is not found out again."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from imtrans.engine.data.pair_loader import PairLoader
from imtrans.engine.data.subset import Subset
from imtrans.engine.data.workers import PATIENCE, reset_worker_signals
from imtrans.engine.validation import dataset_checks
from imtrans.engine.validation.check_cache import CheckCache
from imtrans.engine.validation.sample_report import SampleReport, check_sample
from imtrans.errors import ResourceError
from imtrans.interfaces import Issue, Split

Tick = Callable[[int, int], None]
FEW = 200  # samples that are examined before other processes would have begun
MOST_PROCESSES = 8
CHUNK = 16


class LocatedIssue(NamedTuple):
    """A finding and whose it is: the split and the sample's number, None where it is about more or none."""

    split: str
    sample: int | None
    issue: Issue


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What was found, and what the data set says to heed. `counts` are the samples of each split, those that make no
    sample for lack of a partner and the like included; `read` how many were decoded now."""

    counts: Mapping[str, int]
    issues: Sequence[LocatedIssue]
    read: int
    notes: Sequence[str] = ()

    @property
    def faults(self) -> list[LocatedIssue]:
        return [told for told in self.issues if told.issue.is_fault]

    def left_out(self, split: str) -> list[tuple[int | None, Issue]]:
        """What a split is to go without: the first fault of each sample, and what made none."""
        own = [(t.sample, t.issue) for t in self.faults if t.split == split]
        first = {index: (index, issue) for index, issue in reversed(own) if index is not None}
        return [*((i, f) for i, f in own if i is None), *(first[i] for i in sorted(first))]


def check_dataset(loadings: Mapping[Split, PairLoader], *, tick: Tick | None = None) -> CheckReport:
    """Examine every sample of these splits, then compare them with each other.

    `tick(done, count)` is called as it goes on. What was found is kept also when it is interrupted. ResourceError when
    a decoding process is killed.
    """
    memories: dict[Split, CheckCache] = {split: CheckCache(loading) for split, loading in loadings.items()}
    exams: dict[Split, dict[int, SampleReport]] = {split: {} for split in loadings}
    wanted: dict[Split, list[int]] = {}
    for split, memory in memories.items():
        known = {i: memory.get(i) for i in range(len(loadings[split].source.dataset))}
        exams[split] = {i: exam for i, exam in known.items() if exam}
        wanted[split] = [i for i, exam in known.items() if not exam]
    count, done = sum(map(len, wanted.values())), 0
    for split, loading in loadings.items():
        try:
            with _deaths_told():
                for index, exam in _examined(loading, wanted[split]):
                    exams[split][index] = exam
                    memories[split].put(index, exam)
                    done += 1
                    if tick:
                        tick(done, count)
        finally:
            memories[split].save()
    return CheckReport(
        counts=_counts(loadings), issues=[*_told(loadings, exams)], read=count, notes=_notes(loadings.values())
    )


def _told(
    loadings: Mapping[Split, PairLoader], exams: Mapping[Split, Mapping[int, SampleReport]]
) -> Iterator[LocatedIssue]:
    for split, loading in loadings.items():
        own = exams[split]
        yield from (LocatedIssue(split, None, f) for f in getattr(loading.source.dataset, "issues", ()))
        yield from (LocatedIssue(split, i, f) for i in sorted(own) for f in own[i].issues)
        sound = {i: exam for i, exam in sorted(own.items()) if not exam.faults}
        odd = dataset_checks.within(sound, loading)
        yield from (LocatedIssue(split, i, f) for i, f in odd if split == "train" or f.code != "direction")
    yield from (LocatedIssue(split, None, f) for split, f in dataset_checks.between(exams))


def _notes(loadings: Iterable[PairLoader]) -> list[str]:
    """What the data sets themselves say, once each."""
    datasets = [loading.source.dataset for loading in loadings]
    own = [d.inner if isinstance(d, Subset) else d for d in datasets]
    return [*dict.fromkeys(str(note) for d in own for note in getattr(d, "notes", ()))]


def _counts(loadings: Mapping[Split, PairLoader]) -> dict[str, int]:
    datasets = {split: loading.source.dataset for split, loading in loadings.items()}
    return {s: len(d) + len([f for f in getattr(d, "issues", ()) if f.is_fault]) for s, d in datasets.items()}


def _examined(loading: PairLoader, indices: Sequence[int]) -> Iterator[tuple[int, SampleReport]]:
    if len(indices) < FEW:
        yield from ((i, check_sample(loading, i)) for i in indices)
        return
    chunks = [list(indices[i : i + CHUNK]) for i in range(0, len(indices), CHUNK)]
    read = DataLoader(
        _Exams(loading),
        batch_sampler=chunks,
        collate_fn=list,
        num_workers=min(MOST_PROCESSES, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2),
        timeout=PATIENCE,
        generator=torch.Generator().manual_seed(0),
        worker_init_fn=_apart,
    )
    for chunk in read:
        yield from chunk


def _apart(worker: int) -> None:
    """A signal to the whole group is for the main process: it ends the others, and keeps what they found."""
    reset_worker_signals(worker)
    if hasattr(os, "setpgrp"):
        os.setpgrp()


@contextlib.contextmanager
def _deaths_told() -> Iterator[None]:
    """The death of a decoding process, of which torch tells at any moment; by a signal for all it is no fault."""
    try:
        yield
    except RuntimeError as error:
        if "DataLoader" not in str(error):
            raise
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise ResourceError(
            f"a decoding process was killed, or took more than {PATIENCE} seconds for {CHUNK} samples",
            hint="What was found until then is kept: give the same command again.",
        ) from error


class _Exams(TorchDataset[Any]):
    def __init__(self, loading: PairLoader) -> None:
        self.loading = loading

    def __getitem__(self, index: int) -> tuple[int, SampleReport]:
        torch.set_num_threads(1)
        return index, check_sample(self.loading, index)
