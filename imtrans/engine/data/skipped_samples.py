"""The samples that a run leaves out, and its record of them, skipped.jsonl."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imtrans import atomic_io
from imtrans.errors import DataError, join_names
from imtrans.interfaces import Dataset, Issue, Split
from imtrans.kit.bases import Subset

SKIPPED = "skipped.jsonl"
BUDGET = 100  # one sample in so many may go bad while a run trains


@dataclass(frozen=True, kw_only=True)
class SkippedSample:
    """A sample in whose place another was read: its index among those that are used, its files, and why."""

    index: int
    files: tuple[str, ...]
    what: str


@dataclass(frozen=True, kw_only=True)
class SkipLog:
    """The record of a split: `before` is what was left out before the first step, by index in the whole split (None:
    files that made no sample at all); `path` is skipped.jsonl."""

    path: Path
    split: Split
    before: Sequence[tuple[int | None, Issue]] = ()

    def note(self, skipped: Iterable[SkippedSample], *, count: int) -> None:
        """Record what could not be read, once for each reason. DataError if it is over one in a hundred of `count`."""
        # Read from the file each time: other processes, and the run before it was resumed, wrote in it too.
        lines = [line for line in entries(self.path) if line.get("split") == self.split]
        known = {_reason(line) for line in lines}
        fresh = {(s.index, s.files, s.what): s for s in skipped if (s.index, s.files, s.what) not in known}
        added = [_line(self.split, "during", s.index, code="", what=s.what, files=s.files) for s in fresh.values()]
        if added:
            atomic_io.append_text(self.path, _text(added))
        failed = {line["index"] for line in (*lines, *added) if line.get("when") == "during"}
        if len(failed) > max(1, count // BUDGET):
            files = {str(name) for line in (*lines, *added) if line["index"] in failed for name in line["files"]}
            raise DataError(
                f"{len(failed)} of {count:,} {self.split} samples went bad since the run began, more than 1 %: "
                f"{join_names(files, most=3)}",
                hint="Look at that disk; then see what is wrong with the pictures: imtrans data check",
            )


class Usable(Subset):
    """A data set without its bad samples; a note says how many are left out."""

    def __init__(self, inner: Dataset, left_out: Collection[int]) -> None:
        excluded = set(left_out)
        indices = [i for i in range(len(inner)) if i not in excluded]
        # Faults in `issues` are samples that the data set itself has left out.
        whole = len(inner) + sum(issue.is_fault for issue in inner.description.issues)
        note = f"{whole - len(indices):,} of {whole:,} samples are left out (skipped.jsonl)"
        super().__init__(inner, indices, note=note)


def begin(records: Iterable[SkipLog]) -> None:
    """Write skipped.jsonl with what the splits leave out; what went bad in an earlier run stays on record."""
    logs = [*records]
    lines = [
        _line(r.split, "before", i, code=f.code, what=f.what, files=list(map(str, f.files)), hint=f.hint)
        for r in logs
        for i, f in r.before
    ]
    for path in {record.path for record in logs}:
        old = [{**entry, "when": "earlier"} for entry in entries(path) if entry.get("when") != "before"]
        if lines or old:
            atomic_io.replace_text(path, _text([*lines, *old]))


def remembered(path: Path, split: Split) -> list[tuple[int | None, Issue]]:
    """What a run left out before its first step, from its record."""
    lines = [e for e in entries(path) if e.get("split") == split and e.get("when") == "before"]
    return [(e["index"], _issue(e)) for e in lines]


def failed_files(folder: Path) -> set[str]:
    """The files of samples that went bad while a run trained."""
    return {str(name) for e in entries(folder / SKIPPED) if e.get("when") == "during" for name in e.get("files", ())}


def entries(path: Path) -> list[dict[str, Any]]:
    """The complete lines of a record; none if there is no file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return []
    values = []
    # What follows the last newline is a line that another process is writing.
    for line in text.split("\n")[:-1]:
        try:
            values.append(json.loads(line))
        except ValueError:  # a crash can leave a line that is cut off
            continue
    return [entry for entry in values if isinstance(entry, dict)]


def _issue(entry: Mapping[str, Any]) -> Issue:
    files = tuple(Path(name) for name in entry["files"])
    return Issue(code=entry["code"], what=entry["what"], hint=entry.get("hint", ""), files=files)


def _reason(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    return entry.get("index"), tuple(entry.get("files", ())), entry.get("what")


def _line(
    split: Split, when: str, index: int | None, *, code: str, what: str, files: Sequence[str], **more: str
) -> dict[str, Any]:
    return {"split": split, "when": when, "index": index, "code": code, "what": what, "files": list(files), **more}


def _text(lines: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)
