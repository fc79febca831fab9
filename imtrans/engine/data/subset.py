"""A data set without its bad samples."""

from collections.abc import Collection
from dataclasses import replace

from imtrans.interfaces import Dataset
from imtrans.kit.bases import DatasetWrapper


class Subset(DatasetWrapper):
    """The samples of a data set but for those left out, in its order; a note says how many are left out."""

    def __init__(self, inner: Dataset, left_out: Collection[int]) -> None:
        super().__init__(inner)
        excluded = set(left_out)
        self.indices = [i for i in range(len(inner)) if i not in excluded]
        # Faults in `issues` are samples that the data set itself has left out.
        whole = len(inner) + sum(issue.is_fault for issue in inner.description.issues)
        note = f"{whole - len(self.indices):,} of {whole:,} samples are left out (skipped.jsonl)"
        self.description = replace(inner.description, notes=(*inner.description.notes, note))

    def __len__(self) -> int:
        return len(self.indices)

    def inner_index(self, index: int) -> int:
        """The number of a sample in the whole data set."""
        return self.indices[index]
