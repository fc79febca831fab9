"""Data sets that draw their samples from files larger than a sample, and keep such files open."""

import os
import zlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from imtrans.interfaces import Pair
from imtrans.kit.bases import BaseDataset
from imtrans.kit.pairing.sides import SidePair


class Closable(Protocol):
    """What is open until it is closed."""

    def close(self) -> None:
        """Close it."""
        ...


File = TypeVar("File", bound=Closable)


class OpenFiles(Generic[File]):
    """Files that stay open, `most` of them, the one that was used longest ago closed first.

    Each process opens its own: files of libraries that were opened before a fork share their places.
    """

    def __init__(self, opened: Callable[[Path], File], *, most: int) -> None:
        self._opened, self._most = opened, most
        self._files: OrderedDict[Path, File] = OrderedDict()
        self._process = os.getpid()

    def __getitem__(self, path: Path) -> File:
        if self._process != os.getpid():
            self._files, self._process = OrderedDict(), os.getpid()
        if path not in self._files:
            if len(self._files) >= self._most:
                self._files.popitem(last=False)[1].close()
            self._files[path] = self._opened(path)
        self._files.move_to_end(path)
        return self._files[path]


class DrawnPairs(BaseDataset):
    """`each` samples an epoch of every pair of files. A subclass has `drawn(index, number)`, where all follows from
    these two; outside of training a sample's number is that of its key, so that it is always the same."""

    def __init__(self, pairs: Sequence[SidePair], *, each: int) -> None:
        self.pairs, self._each = pairs, each

    def __len__(self) -> int:
        return len(self.pairs) * self._each

    def __getitem__(self, index: int) -> Pair:
        return self.drawn(index, zlib.crc32(self.key(index).encode()))

    def pair(self, index: int) -> SidePair:
        """The files of a sample."""
        return self.pairs[index // self._each]

    def key(self, index: int) -> str:
        """The name of the pair and the number of the draw."""
        return f"{self.pair(index).name}@{index % self._each}"

    def files(self, index: int) -> Sequence[Path]:
        """Both files."""
        return self.pair(index).source, self.pair(index).target
