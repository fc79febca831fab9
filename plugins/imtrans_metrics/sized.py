"""What metrics with a least size of pictures have in common."""

import torch
from torch import Tensor

from imtrans.kit.bases import BaseMetric


class SizedMetric(BaseMetric):
    """A metric of one number, the mean over all pictures, each of which must have `smallest` pixels a side.

    Smaller ones have the row NaN, and a set that holds one has no number: a mean over some says nothing about all.
    """

    smallest: int

    def is_too_small(self, pictures: Tensor) -> bool:
        """Whether a side of the pictures (B, C, H, W), or of slices, is too short."""
        return min(pictures.shape[-2:]) < self.smallest

    def no_rows(self, pictures: Tensor) -> Tensor:
        """The rows (B,) of pictures that are too small."""
        return pictures.new_full((len(pictures),), torch.nan, dtype=torch.float32)

    def aggregate(self, rows: Tensor) -> dict[str, float]:
        """The mean; nothing unless every picture has a row."""
        return {} if rows.isnan().any() else super().aggregate(rows)
