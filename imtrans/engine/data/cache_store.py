"""Decoded samples in the cache, as they go into a batch: a memory map for each split and size."""

import hashlib
import mmap
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imtrans.engine.data.cache_format import CacheFile, CacheLayout
from imtrans.interfaces import Pair
from imtrans.kit.images import Array


def stamp(files: Sequence[Path], code: bytes, *, number: int, text: str = "") -> int:
    """What a sample's bytes follow from, as one number: its files' paths, sizes and times, its data set's own stamp
    `text`, and the code that reads them; 0 where a file is not there. `number` distinguishes samples of the same
    files."""
    hasher = hashlib.blake2b(code, digest_size=8)
    hasher.update(text.encode("utf-8", "surrogateescape"))
    try:
        for file in files:
            path, stat = os.path.abspath(file), os.stat(file)
            hasher.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode("utf-8", "surrogateescape"))
    except (OSError, ValueError):
        return 0
    hasher.update(str(number).encode())
    # 0 stands for an empty slot.
    return int.from_bytes(hasher.digest(), "little") or 1


@dataclass(kw_only=True, eq=False)
class CacheStore:
    """The cached samples of a split, by index, sides as they are trained on; a sample is added when it is first read.

    A slot is valid if its stamp is the sample's current one and, the first time that a process reads it, its checksum
    matches. Its content never changes then. Workers write slots, too: they write the same. Once a write fails nothing
    more is cached, and samples are decoded as if there were no cache.
    """

    path: Path
    layout: CacheLayout
    code: bytes
    stamps: Array
    numbers: Array
    is_silent: bool = False
    _slots: CacheFile | None = field(default=None, repr=False)
    _is_gone: bool = field(default=False, repr=False)
    _sound: Array = field(init=False, repr=False)
    _full: mmap.mmap = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._sound = np.zeros(len(self.stamps), bool)
        # Shared by all loading processes: only the first whose write fails prints the warning.
        self._full = mmap.mmap(-1, 1)

    @property
    def is_whole(self) -> bool:
        """Whether every sample is cached, so that nothing needs to be decoded."""
        slots = self._opened()
        return slots is not None and bool(np.array_equal(slots.stamps, self.stamps) and self.stamps.all())

    def get(self, index: int) -> Pair | None:
        """A sample, read-only; None where it is not cached."""
        slots = self._opened()
        if slots is None or not self._is_sound(slots, index):
            return None
        sides = {name: np.moveaxis(block[index], 0, -1) for name, block in slots.blocks.items()}
        return Pair(source=sides.pop("source"), target=sides.pop("target"), key=slots.key(index), extras=_named(sides))

    def take(
        self, indices: Sequence[int], others: Sequence[int] | None = None, *, side: str = "target"
    ) -> tuple[Pair, list[str]] | None:
        """Samples as one pair, (B, *spatial, C), and their keys; None where one is not cached.

        `side` is taken from the samples `others`, where they are given (unpaired data).
        """
        slots = self._opened()
        if slots is None or not all(self._is_sound(slots, i) for i in (*indices, *(others or ()))):
            return None
        sides = {
            name: np.moveaxis(block[others if others and name == side else indices], 1, -1)
            for name, block in slots.blocks.items()
        }
        return self.pair_of(sides), self.keys(indices, others)

    def keys(self, indices: Sequence[int], others: Sequence[int] | None = None) -> list[str]:
        """The keys of samples that are cached, with those of their partners."""
        slots = self._opened()
        assert slots is not None
        keys = [slots.key(i) for i in indices]
        # The same key as `PairLoader.pair` gives a sample that is not cached.
        return [f"{key}-{slots.key(i)}" for key, i in zip(keys, others, strict=True)] if others else keys

    @staticmethod
    def pair_of(sides: Mapping[str, Any]) -> Pair:
        """Sides by their names in the file as one pair, without a key."""
        others = {name: values for name, values in sides.items() if name not in ("source", "target")}
        return Pair(source=sides["source"], target=sides["target"], key="", extras=_named(others))

    @property
    def blocks(self) -> Mapping[str, Array]:
        """All samples by side, (N, C, *spatial), as they lie in the file."""
        slots = self._opened()
        assert slots is not None
        return slots.blocks

    def is_sound(self) -> bool:
        """Whether every sample is cached, and has the bytes that were written."""
        slots = self._opened()
        return slots is not None and all(self._is_sound(slots, index) for index in range(len(self.stamps)))

    def put(self, index: int, pair: Pair, *, files: Sequence[Path], text: str = "") -> None:
        """Cache a sample, if it has the common shape and its files are those that its stamp was taken of."""
        slots = None if self._full[0] else self._opened()
        expected = int(self.stamps[index])
        # A stamp that is neither 0 nor ours is a newer run's: its sample must not be overwritten.
        if slots is None or not expected or int(slots.stamps[index]) not in (0, expected):
            return
        arrays = self.layout.arrays(pair)
        if arrays is None or stamp(files, self.code, number=int(self.numbers[index]), text=text) != expected:
            return
        try:
            slots.write(index, arrays, key=pair.key, stamp=expected)
        except OSError as error:
            if not self._full[0] and not self.is_silent:
                note(f"{self.path}: {error.strerror or error}")
            self._full[0] = 1

    def _is_sound(self, slots: CacheFile, index: int) -> bool:
        # Once a process is enough: nothing changes a slot after its stamp is written.
        if self._sound[index]:
            return True
        if not self.stamps[index] or slots.stamps[index] != self.stamps[index]:
            return False
        self._sound[index] = slots.is_right(index)
        return bool(self._sound[index])

    def _opened(self) -> CacheFile | None:
        """The file, opened at first use: a worker that this was pickled to opens its own."""
        if self._slots is None and not self._is_gone:
            self._slots = CacheFile.open(self.path, self.layout)
            self._is_gone = self._slots is None
        return self._slots

    def __getstate__(self) -> dict[str, Any]:
        # Neither a memory map nor a descriptor can be pickled for a worker.
        return {k: v for k, v in self.__dict__.items() if k not in ("_slots", "_sound", "_full")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({**state, "_slots": None})
        self.__post_init__()


def note(why: str) -> None:
    """Warn that samples are decoded again each time they are read."""
    print(f"Warning: decoded pictures are not cached: {why}", file=sys.stderr)  # noqa: T201


def _named(sides: Mapping[str, Array]) -> dict[str, Array]:
    return {name.removeprefix("extras."): array for name, array in sides.items()}
