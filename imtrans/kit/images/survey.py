"""What all files of a side are, by their headers: how many of which channels, depth and encoding."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from imtrans.errors import DataError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import ImageHeader, decode
from imtrans.kit.images.conform import FLOAT, spec_of
from imtrans.kit.images.header_cache import headers

SAME_ASPECT = 1.01
NAMES = {1: "grey", 2: "two-channel", 3: "RGB"}


class FileKind(NamedTuple):
    """What a file holds: channels as decoded, significant bits, a palette or not, transparency or not."""

    channels: int
    bits: int
    is_indexed: bool = False
    has_alpha: bool = False

    def __str__(self) -> str:
        channels = "palette" if self.is_indexed else NAMES.get(self.channels, f"{self.channels}-channel")
        depth = "float" if self.bits == FLOAT else f"{self.bits} bit"
        return f"{channels} {depth}{' with transparency' if self.has_alpha else ''}"


@dataclass(frozen=True)
class Survey:
    """How many files of each kind a side has, and the path of the first of each; the least and the greatest width by
    height; how many pages of a file are its channels, and how many there are at most."""

    side: str
    counts: Mapping[FileKind, int]
    examples: Mapping[FileKind, str]
    aspects: tuple[float, float] = (0.0, 0.0)
    pages: int = 1
    most_pages: int = 1

    @classmethod
    def of(cls, side: str, paths: Sequence[str], *, with_pages: bool = False) -> "Survey":
        """The survey of these files; what is no picture is passed over. DataError, as decoding says it, if all are.

        `with_pages`: all pages of a file are its channels. DataError where the files have not the same number of them.
        """
        heads = headers(paths)
        pages = _pages(side, paths, heads) if with_pages else 1
        # Thousands of files share few header objects: each is looked at once, in the order of the files.
        numbers, firsts = Counter(map(id, heads)), dict[int, tuple[ImageHeader, str]]()
        for head, path in zip(heads, paths, strict=True):
            if head and id(head) not in firsts:
                firsts[id(head)] = (head, path)
        counts, examples = Counter[FileKind](), dict[FileKind, str]()
        for number, (head, path) in firsts.items():
            kind = FileKind(pages * head.channels, head.bits, head.is_indexed, head.has_alpha)
            counts[kind] += numbers[number]
            examples.setdefault(kind, path)
        if not examples:
            decode(Path(paths[0]))
        different = [head for head, _ in firsts.values()]
        aspects = [h.width / h.height for h in different if h.height] or [0.0]
        most_pages = max(h.pages for h in different)
        return cls(side, counts, examples, (min(aspects), max(aspects)), pages, most_pages)

    def spec(self) -> ImageSpec:
        """What all are read as: the most channels and the deepest of the side. DataError for what no rule brings there.

        Grey among colour is repeated, and fewer bits are scaled. Floats are not mixed with whole numbers, nor pictures
        of other numbers of channels.
        """
        if len({kind.bits == FLOAT for kind in self.counts}) > 1:
            raise self._mixture("Save all pictures of a side as whole numbers, or all as floats.")
        channels = {kind.channels for kind in self.counts}
        if len(channels) > 1 and channels != {1, 3}:
            raise self._mixture("Save all pictures of a side with the same channels.")
        spec = spec_of(channels=max(channels), bits=max(kind.bits for kind in self.counts))
        return replace(spec, pages=self.pages)

    def is_indexed(self) -> bool:
        """Whether label maps have palettes. DataError if some have and some do not: their numbers may differ."""
        if len(indexed := {kind.is_indexed for kind in self.counts}) > 1:
            raise self._mixture("Save all label maps in one way: their numbers need not mean the same.")
        return indexed.pop()

    def majority(self, *, as_labels: bool) -> "Survey":
        """The survey of the files alone that agree with most: the others are then faults of their samples."""
        groups: Counter[Any] = Counter()
        for kind, count in self.counts.items():
            groups[_group(kind, as_labels=as_labels)] += count
        most = groups.most_common(1)[0][0]
        counts = {k: count for k, count in self.counts.items() if _group(k, as_labels=as_labels) == most}
        return replace(self, counts=counts)

    def text(self, reading: str = "") -> str:
        """The counts in words, the commonest first, and what all are read as."""
        counts = ", ".join(f"{count:,} {kind}" for kind, count in self._commonest())
        return f"{counts}{f': read as {reading}' if reading and len(self.counts) > 1 else ''}"

    @property
    def half_aspect(self) -> float | None:
        """Width by height of one half of each picture, where all have one aspect ratio."""
        low, high = self.aspects
        return high / 2 if low and high / low < SAME_ASPECT else None

    @property
    def has_alpha(self) -> bool:
        """Whether any file has transparency."""
        return any(kind.has_alpha for kind in self.counts)

    def _commonest(self) -> list[tuple[FileKind, int]]:
        return sorted(self.counts.items(), key=lambda item: -item[1])

    def _mixture(self, hint: str) -> DataError:
        rarest = self._commonest()[-1][0]
        return DataError(f"{self.examples[rarest]}: {rarest}, where the {self.side}s are {self.text()}", hint=hint)


def _pages(side: str, paths: Sequence[str], heads: Sequence[ImageHeader | None]) -> int:
    counts = {head.pages: path for path, head in zip(paths, heads, strict=True) if head}
    if len(counts) > 1:
        least = min(counts)
        what = f"{counts[least]}: {least} page{'s' * (least != 1)}, where other {side}s have {max(counts)}"
        raise DataError(what, hint="Pages that are channels must be as many in all files of a side.")
    return next(iter(counts), 1)


def _group(kind: FileKind, *, as_labels: bool) -> Hashable:
    if as_labels:
        return kind.is_indexed
    # Grey and colour go together.
    return kind.bits == FLOAT, 3 if kind.channels == 1 else kind.channels
