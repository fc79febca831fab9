"""A data set without its bad samples."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from imtrans.interfaces import Dataset, Issue, Pair


class Subset:
    """The samples of a data set but for those left out, in its order; what it says of itself stays."""

    def __init__(self, inner: Dataset, left_out: Collection[int]) -> None:
        gone = set(left_out)
        self.inner, self.data_spec = inner, inner.data_spec
        self.numbers = [i for i in range(len(inner)) if i not in gone]
        self.issues: Sequence[Issue] = tuple(getattr(inner, "issues", ()))
        whole = len(inner) + sum(issue.is_fault for issue in self.issues)
        note = f"{whole - len(self.numbers):,} of {whole:,} samples are left out (skipped.jsonl)"
        self.notes: Sequence[str] = (*getattr(inner, "notes", ()), note)
        self.layout: str = getattr(inner, "layout", "")
        self.sides: Sequence[str] = getattr(inner, "sides", ())
        self.collate = getattr(inner, "collate", None)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Pair:
        return self.inner[self.numbers[index]]

    def files(self, index: int) -> Sequence[Path]:
        """The files behind a sample."""
        return self.inner.files(self.numbers[index])

    def labels(self, index: int) -> Path | None:
        """The file of the exact class numbers, where the data set has one."""
        own = getattr(self.inner, "labels", None)
        found: Path | None = own(self.numbers[index]) if own else None
        return found

    def check(self, index: int, pair: Pair) -> Iterable[Issue]:
        """What the data set itself finds in a sample."""
        own = getattr(self.inner, "check", None)
        found: Iterable[Issue] = own(self.numbers[index], pair) if own else ()
        return found

    @property
    def splits(self) -> Mapping[str, str]:
        """What each split holds, in words."""
        return getattr(self.inner, "splits", {})
