"""A check of every sample of a data set; the reports of unchanged files are taken from a cache."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from imtrans.engine.data.pair_loader import PairLoader
from imtrans.engine.data.skipped_samples import Usable
from imtrans.engine.data.workers import PATIENCE, reset_worker_signals
from imtrans.engine.validation import dataset_checks
from imtrans.engine.validation.check_cache import CheckCache
from imtrans.engine.validation.misregistration import misregistration, registration_note
from imtrans.engine.validation.sample_report import SampleReport, check_sample
from imtrans.errors import ResourceError
from imtrans.interfaces import Issue, Split, Tick
from imtrans.kit.features.shift import Shift

FEW = 200  # samples; fewer are checked before other processes have started
MAX_PROCESSES = 8
OVERLAPS = ("overlap", "near-overlap")
CHUNK = 16  # samples that a process checks before it hands over their reports


class LocatedIssue(NamedTuple):
    """An issue and where it is: the split ("": all), and the sample's index, None where it concerns several or none."""

    split: str
    sample: int | None
    issue: Issue


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """The issues of a data set, and its own notes.

    `counts` are the samples of each split, including files that make no sample, as one without a partner; `read` is how
    many were decoded now. `shifts` gives by the name of a pair how far its target lies from its source, where their
    edges show it.
    """

    counts: Mapping[str, int]
    issues: Sequence[LocatedIssue]
    read: int
    notes: Sequence[str] = ()
    shifts: Mapping[str, Shift] = field(default_factory=dict)

    @property
    def faults(self) -> list[LocatedIssue]:
        """The issues with which a sample cannot be used."""
        return [located for located in self.issues if located.issue.is_fault]

    @property
    def doubt(self) -> Issue | None:
        """Why the samples may be no pairs at all, if the data set says so."""
        return next((located.issue for located in self.faults if not located.split), None)

    def left_out(self, split: str) -> list[tuple[int | None, Issue]]:
        """What a run leaves out of a split: the first fault of each bad sample, and files that made no sample."""
        faults = [(located.sample, located.issue) for located in self.faults if located.split == split]
        first = {index: (index, issue) for index, issue in reversed(faults) if index is not None}
        return [*((i, f) for i, f in faults if i is None), *(first[i] for i in sorted(first))]


def check_dataset(loadings: Mapping[Split, PairLoader], *, tick: Tick | None = None) -> CheckReport:
    """Check every sample of these splits, then compare them with each other; nothing where the set doubts its pairs.

    `tick(done, count)` is called after each sample. Reports are cached also when the check is interrupted. Raises
    ResourceError when a decoding process is killed.
    """
    doubts = [LocatedIssue("", None, d) for d in next(iter(loadings.values())).source.dataset.description.doubts()]
    if any(located.issue.is_fault for located in doubts):  # of pictures that are no pairs nothing else is worth saying
        return CheckReport(counts=_counts(loadings), issues=doubts, read=0)
    caches: dict[Split, CheckCache] = {split: CheckCache(loading) for split, loading in loadings.items()}
    reports: dict[Split, dict[int, SampleReport]] = {}
    unchecked: dict[Split, list[int]] = {}
    for split, cache in caches.items():
        cached = {i: cache.get(i) for i in range(len(loadings[split].source.dataset))}
        reports[split] = {i: report for i, report in cached.items() if report}
        unchecked[split] = [i for i, report in cached.items() if not report]
    count, done = sum(map(len, unchecked.values())), 0
    for split, loading in loadings.items():
        try:
            with _map_worker_errors():
                for index, report in _reports(loading, unchecked[split]):
                    reports[split][index] = report
                    caches[split].put(index, report)
                    done += 1
                    if tick:
                        tick(done, count)
        finally:
            caches[split].save()
    issues = [*doubts, *_located_issues(loadings, reports)]
    notes = [*_notes(loadings.values()), *_disjoint(loadings, issues)]
    every = [report for of_split in reports.values() for report in of_split.values() if not report.faults]
    issues += [LocatedIssue("", None, shifted)] if (shifted := misregistration(every)) else []
    notes += [note] if (note := registration_note(every)) else []
    shifts = {report.name: report.shift for report in every if report.shift}
    return CheckReport(counts=_counts(loadings), issues=issues, read=count, notes=notes, shifts=shifts)


def _located_issues(
    loadings: Mapping[Split, PairLoader], reports: Mapping[Split, Mapping[int, SampleReport]]
) -> Iterator[LocatedIssue]:
    for split, loading in loadings.items():
        of_split = reports[split]
        yield from (LocatedIssue(split, None, f) for f in loading.source.dataset.description.issues)
        yield from (LocatedIssue(split, i, f) for i in sorted(of_split) for f in of_split[i].issues)
        usable = {i: report for i, report in sorted(of_split.items()) if not report.faults}
        issues = dataset_checks.within(usable, loading)
        # The direction is chosen once for all splits: once is enough to say it.
        yield from (LocatedIssue(split, i, f) for i, f in issues if split == "train" or f.code != "direction")
    yield from (LocatedIssue(split, None, f) for split, f in dataset_checks.between(reports))


def _notes(loadings: Iterable[PairLoader]) -> list[str]:
    """The notes of the data sets themselves, each once."""
    datasets = [loading.source.dataset for loading in loadings]
    # `Usable` adds a note of what it leaves out, which the issues say already.
    whole = [d.inner if isinstance(d, Usable) else d for d in datasets]
    kinds = [d.description.layout for d in whole if d.description.lengths]
    contents = [f"the {side}s are {text}" for d in whole for side, text in d.description.mixtures.items()]
    notes = [*kinds, *contents, *(note for d in whole for note in d.description.notes)]
    return [*dict.fromkeys(map(str, notes))]


def _disjoint(loadings: Mapping[Split, PairLoader], issues: Iterable[LocatedIssue]) -> Iterator[str]:
    """A note that no sample is in two splits, where that was found."""
    if len(loadings) > 1 and not any(located.issue.code in OVERLAPS for located in issues):
        others = " or ".join(split for split in loadings if split != "train")
        yield f"no sample of {others} is trained on: the files, the pixels and the looks of all were compared"


def _counts(loadings: Mapping[Split, PairLoader]) -> dict[str, int]:
    datasets = {split: loading.source.dataset for split, loading in loadings.items()}
    return {s: len(d) + len([f for f in d.description.issues if f.is_fault]) for s, d in datasets.items()}


def _reports(loading: PairLoader, indices: Sequence[int]) -> Iterator[tuple[int, SampleReport]]:
    if len(indices) < FEW:
        yield from ((i, check_sample(loading, i)) for i in indices)
        return
    chunks = [list(indices[i : i + CHUNK]) for i in range(0, len(indices), CHUNK)]
    loader = DataLoader(
        _ReportDataset(loading),
        batch_sampler=chunks,
        collate_fn=list,
        # In a container a process may often use fewer CPUs than the machine has.
        num_workers=min(MAX_PROCESSES, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2),
        timeout=PATIENCE,
        generator=torch.Generator().manual_seed(0),
        worker_init_fn=_own_process_group,
    )
    for chunk in loader:
        yield from chunk


def _own_process_group(worker: int) -> None:
    """Take a worker out of the process group of the terminal."""
    # A signal to the whole group would end the workers before the main process has their reports.
    reset_worker_signals(worker)
    if hasattr(os, "setpgrp"):
        os.setpgrp()


@contextlib.contextmanager
def _map_worker_errors() -> Iterator[None]:
    """The death of a decoding process as ResourceError."""
    try:
        yield
    except RuntimeError as error:
        if "DataLoader" not in str(error):
            raise
        # After Ctrl-C torch finds its workers dead and raises that instead of the interrupt.
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise ResourceError(
            f"a decoding process was killed, or took more than {PATIENCE} seconds for {CHUNK} samples",
            hint="What was found until then is kept: give the same command again.",
        ) from error


class _ReportDataset(TorchDataset[Any]):
    def __init__(self, loading: PairLoader) -> None:
        self.loading = loading

    def __getitem__(self, index: int) -> tuple[int, SampleReport]:
        # The processes run side by side: threads in each would compete for the same CPUs.
        torch.set_num_threads(1)
        return index, check_sample(self.loading, index)
