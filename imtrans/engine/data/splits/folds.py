"""Folds: the training samples dealt into parts, one of which is held out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from imtrans.errors import DataError
from imtrans.interfaces import Dataset
from imtrans.kit.bases import Subset
from imtrans.kit.selection import rank


class Fold(NamedTuple):
    """One part of several, counted from 1."""

    number: int
    parts: int

    def __str__(self) -> str:
        return f"fold {self.number} of {self.parts}"


def in_fold(dataset: Dataset, fold: Fold, recorded: Mapping[str, bool], *, is_held_out: bool) -> Dataset:
    """The samples of a part, or all others: each sample is in one part, and the parts differ by one group at most.

    Who is in which part follows from the names alone, and samples of one group stay together. `recorded` says by key
    what a run has held out already: new samples do not move the others. DataError for fewer groups than parts.
    """
    group_of = dataset.description.group_of
    groups = [group_of(dataset.key(i)) for i in range(len(dataset))]
    ordered = sorted(dict.fromkeys(groups), key=lambda group: (rank(group), group))
    if len(ordered) < fold.parts:
        what = f"data.folds {fold.parts}: there are only {len(ordered):,} training samples to deal"
        raise DataError(what, hint=f"At most {len(ordered):,} parts, each of one sample." if len(ordered) > 1 else "")
    held = {group: place % fold.parts == fold.number - 1 for place, group in enumerate(ordered)}
    held |= {group_of(key): is_held for key, is_held in recorded.items()}
    chosen = [i for i, group in enumerate(groups) if held[group] == is_held_out]
    number = sum(held[group] for group in groups)
    note = f"{fold}: {number:,} of {len(groups):,} training samples are held out"
    subset = Subset(dataset, chosen, note=note)
    texts = {"train": f"{len(groups) - number:,}", "val": f"{number:,} ({fold} of the training samples)"}
    issues = () if is_held_out else dataset.description.issues
    # The record of a run then says which samples are held out, as for data without a place for validation.
    subset.description = replace(subset.description, splits=lambda: texts, issues=issues, is_undivided=True)
    return subset
