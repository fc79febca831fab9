"""A cache of the reports of samples whose files have not changed since they were checked."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import imtrans
from imtrans.atomic_io import replace_text
from imtrans.engine.data.pair_loader import PairLoader
from imtrans.engine.validation.sample_report import SampleReport
from imtrans.errors import ResourceError

FORMAT = 3
MAX_AT_ONCE = 200_000  # samples; reading the reports of so many takes seconds


class CheckCache:
    """The reports of a split's samples, by path, size and time of their files, in the cache folder.

    A cache that cannot be read or written is no error: the samples are checked again.
    """

    def __init__(self, loading: PairLoader) -> None:
        self.loading = loading
        dataset = loading.source.dataset
        self._files = [[str(f) for f in dataset.files(i)] for i in range(len(dataset))]
        self._counts = Counter("\0".join(files) for files in self._files)
        self._path = _cache_path(loading)
        self._reports = self._read()
        self.is_changed = False

    @classmethod
    def existing(cls, loading: PairLoader) -> "CheckCache | None":
        """The cache of a split; None where there is none, or reading it would take seconds."""
        path = _cache_path(loading)
        if path is None or not path.is_file() or len(loading.source.dataset) > MAX_AT_ONCE:
            return None
        return cls(loading)

    def get(self, index: int) -> SampleReport | None:
        """The report of a sample; None where it must be checked."""
        entry = self._reports.get(self._key(index))
        if not entry:
            return None
        try:
            return SampleReport.from_tree(entry["exam"]) if entry["stamps"] == self._stamps(index) else None
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def put(self, index: int, report: SampleReport) -> None:
        """Add the report of a sample, unless its files are missing or it has none."""
        stamps = self._stamps(index)
        if stamps and None not in stamps:
            self._reports[self._key(index)] = {"stamps": stamps, "exam": report.tree()}
            self.is_changed = True

    def save(self) -> None:
        """Write the reports of the samples that the split has now."""
        if self._path is None or not self.is_changed:
            return
        # Without the samples that have gone: they would pile up.
        keys = {self._key(i) for i in range(len(self._files))}
        content = {"format": FORMAT, "samples": {k: v for k, v in self._reports.items() if k in keys}}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_text(self._path, json.dumps(content))
        except (OSError, ResourceError):
            return
        self.is_changed = False

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8")) if self._path else {}
            return dict(content["samples"]) if content["format"] == FORMAT else {}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return {}

    def _key(self, index: int) -> str:
        """The names of its files; samples that share all of them also have their index."""
        key = "\0".join(self._files[index])
        # NUL can be in no file name.
        return f"{key}\0{index}" if self._counts[key] > 1 else key

    def _stamps(self, index: int) -> Sequence[Any]:
        text = self.loading.source.dataset.stamp(index)
        return [*(_stamp(file) for file in self._files[index]), *([text] if text else [])]


def _stamp(file: str) -> list[int] | None:
    try:
        stat = os.stat(file)
    except (OSError, ValueError):
        return None
    return [stat.st_size, stat.st_mtime_ns]


def _cache_path(loading: PairLoader) -> Path | None:
    """One file for all that decides what a sample is and whether it has a fault, besides its own files."""
    try:
        # With the version of imtrans: another version can find other faults in the same files.
        return loading.cache_path("checks", ".json", FORMAT, imtrans.__version__)
    except ResourceError:
        return None
