"""The split of a sample: held out of training or not, by its key alone, and the record that a run keeps of it."""

import gzip
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from imtrans import atomic_io
from imtrans.errors import DataError, join_names
from imtrans.interfaces import Dataset, Split
from imtrans.kit.bases import Subset
from imtrans.kit.selection import held_out

RECORD = "split.json.gz"


def divided(whole: Dataset, split: Split, recorded: Mapping[str, bool]) -> Dataset:
    """A split of a data set that has no place for validation: some of its samples are held out of training.

    `recorded` says by key which samples a run holds out already. DataError where there is one sample alone.
    """
    count = len(whole)
    if count < 2:
        name = next(iter(whole.files(0)), whole.key(0)) if count else "no samples"
        raise DataError(
            f"{name}: one pair is too few", hint="Add pairs: one is needed for training and one for validation."
        )
    held = _held_out_by_group(whole, recorded)
    chosen = [i for i, is_held in enumerate(held) if is_held != (split == "train")]
    number = sum(held)
    verb = "is" if number == 1 else "are"
    note = f"no place for validation: {number:,} of {count:,} samples, chosen by name, {verb} held out of training"
    subset = Subset(whole, chosen, note=note)
    texts = {"train": f"{count - number:,}", **dict.fromkeys(("val", "test"), f"{number:,} (held out of training)")}
    # Files that make no sample are reported once, with the samples to train on.
    issues = whole.description.issues if split == "train" else ()
    subset.description = replace(subset.description, splits=lambda: texts, issues=issues)
    return subset


def _held_out_by_group(whole: Dataset, recorded: Mapping[str, bool]) -> list[bool]:
    """Whether each sample is held out of training: all of a group, or none. DataError for one group alone."""
    group_of = whole.description.group_of
    groups = [group_of(whole.key(i)) for i in range(len(whole))]
    names = [*dict.fromkeys(groups)]
    if len(names) == 1:
        what = f"{next(iter(whole.files(0)), names[0])}: all {len(whole):,} samples come from one file"
        hint = "Add another for validation; or split the file, or list its parts in a table with a column split."
        raise DataError(what, hint=hint)
    held = held_out(names, {group_of(key): is_held for key, is_held in recorded.items()})
    chosen = dict(zip(names, held, strict=True))
    return [chosen[group] for group in groups]


def check_disjoint(training: Dataset, validation: Dataset) -> None:
    """DataError, naming them, for samples of validation that are trained on: the same files, also through links."""
    if training.description.lengths:
        return _check_sides(training, validation)
    trained = {identity: i for i, identity in enumerate(_identities(training)) if identity}
    both = [i for i, identity in enumerate(_identities(validation)) if identity in trained]
    if both:
        names = join_names((str(next(iter(validation.files(i)), validation.key(i))) for i in both), most=3)
        fix = "Remove the copies" if training.description.is_undivided else "Remove them from one of the two splits"
        raise DataError(
            f"{len(both):,} of {len(validation):,} validation samples are trained on as well: {names}",
            hint=f"{fix}; the numbers of such a run would mean nothing.",
        )


def _check_sides(training: Dataset, validation: Dataset) -> None:
    """DataError for a picture of unpaired data, of either side, that is in both splits."""
    trained, tested = ([_inode(str(f)) for f in _files_of_sides(dataset)] for dataset in (training, validation))
    known, names = {*trained}, [str(f) for f in _files_of_sides(validation)]
    both = [name for name, inode in zip(names, tested, strict=True) if inode in known]
    if both:
        what = f"{len(both):,} of {len(names):,} validation pictures are trained on as well"
        hint = "Remove them from one of the two splits; the numbers of such a run would mean nothing."
        raise DataError(f"{what}: {join_names(both, most=3)}", hint=hint)


def _files_of_sides(dataset: Dataset) -> list[Path]:
    """The files of all samples, each once."""
    return [*dict.fromkeys(file for i in range(len(dataset)) for file in dataset.files(i))]


def write_record(folder: Path, datasets: Sequence[Dataset]) -> None:
    """Record which samples train and which are held out, where imtrans divides the data set."""
    if not all(dataset.description.is_undivided for dataset in datasets):
        return
    training, validation = ([dataset.key(i) for i in range(len(dataset))] for dataset in datasets)
    text = json.dumps({"train": training, "held_out": validation})
    content = gzip.compress(text.encode(), mtime=0)
    atomic_io.write_file(folder / RECORD, lambda path: path.write_bytes(content))


def read_record(folder: Path | None) -> dict[str, bool]:
    """Whether each sample that a run knew is held out, by key; nothing where the run has no such record."""
    if folder is None:
        return {}
    try:
        record = json.loads(gzip.decompress((folder / RECORD).read_bytes()))
        return {**dict.fromkeys(record["train"], False), **dict.fromkeys(record["held_out"], True)}
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return {}


def _identities(dataset: Dataset) -> Iterator[tuple[object, ...] | None]:
    """What each sample is, wherever its names lead: its files on the disk, or its stamp; None for drawn samples.

    Where several samples come from one file, their keys tell them apart.
    """
    inode = cache(_inode)
    files = [tuple(map(str, dataset.files(i))) for i in range(len(dataset))]
    is_shared = len(set(files)) < len(files)
    for i, names in enumerate(files):
        text = dataset.stamp(i)
        if names or text:
            yield (*map(inode, names), text, *([dataset.key(i)] if is_shared and not text else []))
        else:
            yield None


def _inode(file: str) -> object:
    try:
        stat = os.stat(file)
        return stat.st_dev, stat.st_ino
    except (OSError, ValueError):
        return os.path.abspath(file)
