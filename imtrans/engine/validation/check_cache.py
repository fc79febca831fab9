"""What has been found out about samples whose files have not changed since."""

import hashlib
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
from imtrans.net.cache_dir import cache_dir

FORMAT = 1
MOST_AT_ONCE = 200_000  # samples; to read what is known of so many takes seconds


class CheckCache:
    """The exams of a split of a data set, by path, size and time of the files; kept in the cache folder.

    What cannot be read is forgotten, what cannot be written not kept: it is found out again.
    """

    def __init__(self, loading: PairLoader) -> None:
        self.loading = loading
        dataset = loading.source.dataset
        self._files = [[str(f) for f in dataset.files(i)] for i in range(len(dataset))]
        self._times = Counter("\0".join(files) for files in self._files)
        self._path = _place(loading)
        self._known = self._read()
        self.is_changed = False

    @classmethod
    def kept(cls, loading: PairLoader) -> "CheckCache | None":
        """What is remembered of a split, where a look at it takes no time to speak of."""
        place = _place(loading)
        if place is None or not place.is_file() or len(loading.source.dataset) > MOST_AT_ONCE:
            return None
        return cls(loading)

    def get(self, index: int) -> SampleReport | None:
        """What is known of a sample; None where it must be examined."""
        entry = self._known.get(self._key(index))
        if not entry:
            return None
        try:
            return SampleReport.restored(entry["exam"]) if entry["stamps"] == self._stamps(index) else None
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def put(self, index: int, exam: SampleReport) -> None:
        stamps = self._stamps(index)
        if stamps and None not in stamps:
            self._known[self._key(index)] = {"stamps": stamps, "exam": exam.tree()}
            self.is_changed = True

    def save(self) -> None:
        """Keep what is known of the samples that are there now."""
        if self._path is None or not self.is_changed:
            return
        keys = {self._key(i) for i in range(len(self._files))}
        told = {"format": FORMAT, "samples": {k: v for k, v in self._known.items() if k in keys}}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_text(self._path, json.dumps(told))
        except (OSError, ResourceError):
            return
        self.is_changed = False

    def _read(self) -> dict[str, Any]:
        try:
            told = json.loads(self._path.read_text(encoding="utf-8")) if self._path else {}
            known = told["samples"] if told["format"] == FORMAT else {}
            return dict(known)
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return {}

    def _key(self, index: int) -> str:
        """Samples that share a file are told apart by their numbers."""
        key = "\0".join(self._files[index])
        return f"{key}\0{index}" if self._times[key] > 1 else key

    def _stamps(self, index: int) -> Sequence[Any]:
        return [_stamp(file) for file in self._files[index]]


def _stamp(file: str) -> list[int] | None:
    try:
        told = os.stat(file)
    except (OSError, ValueError):
        return None
    return [told.st_size, told.st_mtime_ns]


def _place(loading: PairLoader) -> Path | None:
    """One file for all that decides what a sample is and whether it is sound, besides its own files."""
    source = loading.source
    told = (
        *(FORMAT, imtrans.__version__, source.component.name, source.component.target, source.options, source.split),
        *(sorted((n, c.target) for n, c in source.inner.items()), tuple(loading.size)),
        source.dataset.data_spec,
    )
    try:
        return cache_dir() / "checks" / f"{hashlib.sha256(repr(told).encode()).hexdigest()[:32]}.json"
    except ResourceError:
        return None
