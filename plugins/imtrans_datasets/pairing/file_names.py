"""Many files held as their names: a million take 80 MB so, and half a gigabyte as pairs of paths."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TypeVar, overload

import numpy as np

T = TypeVar("T")


class FilesByStem(Mapping[str, str]):
    """The paths of files by stem, of names below a folder that have a suffix and distinct stems, in their order."""

    def __init__(self, folder: str, names: Sequence[str]) -> None:
        self._prefix, self.names = os.path.join(folder, ""), names

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return map(stem_of, self.names)

    def __getitem__(self, stem: str) -> str:
        return self.path(self._positions[stem])

    def paths(self) -> dict[str, str]:
        """All at once: many look-ups are faster so."""
        return {stem: self._prefix + name for stem, name in zip(self, self.names, strict=True)}

    def __contains__(self, stem: object) -> bool:
        return stem in self._positions

    def path(self, position: int) -> str:
        """The path of the file at this position."""
        return self._prefix + self.names[position]

    @cached_property
    def _positions(self) -> Mapping[str, int]:
        return {stem: position for position, stem in enumerate(self)}


class Lazily(Sequence[T]):
    """So many things, each made when it is asked for; slices are made at once."""

    def __init__(self, count: int, make: Callable[[int], T]) -> None:
        self._range, self._make = range(count), make

    def __len__(self) -> int:
        return len(self._range)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, slice):
            return [self._make(position) for position in self._range[index]]
        return self._make(self._range[index])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)


def stem_of(name: str) -> str:
    """A file's name, with the folders above it, without its suffix."""
    stem = name[: name.rfind(".")]
    return stem if os.sep == "/" else stem.replace(os.sep, "/")


def are_distinct(texts: Iterable[str], count: int) -> bool:
    """Whether `count` texts differ; False also where two only seem alike, which is seldom.

    By their hashes: a set of a million texts takes 150 MB.
    """
    hashes = np.fromiter((hash(text) for text in texts), np.int64, count)
    hashes.sort()
    return not bool((hashes[1:] == hashes[:-1]).any())
