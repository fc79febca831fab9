"""The colours of all predictions compared with those of all targets."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imtrans.interfaces import Batch
from imtrans.kit.images.color import AB, LIGHTNESS, split_lab
from imtrans_metrics.tensor_checks import check, colour, nan_where_broken, stored

Array = np.ndarray[Any, Any]
NAMES = ("lab_l", "lab_a", "lab_b")
RANGES = tuple((s.low, s.high) for s in (LIGHTNESS, AB, AB))  # no colour of sRGB lies beyond


class LabHistogram:
    """Intersection of the marginal histograms of CIE Lab (D65) over all pictures and all targets, each summing to 1.

    The sum over bins of the smaller share: 1 for sets of the same colours, 0 for sets that share none. Rows are counts,
    (B, 2, 3, bins) float64: of prediction and target, of lightness in [0, 100], a and b in [-110, 110]. The pix2pix
    paper (figure 7(d)) does not state its bins; with fewer of them every number rises.
    """

    def __init__(self, *, bins: int = 51) -> None:
        self.bins = bins

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        """Counts of pixels, (B, 2, 3, bins); NaN for images that are not finite."""
        check(prediction, batch.target)
        sides = [self._counts(colour("lab-histogram", p)) for p in (prediction, batch.target)]
        return nan_where_broken(torch.stack(sides, 1), prediction, batch.target)

    def aggregate(self, rows: Tensor) -> Mapping[str, float]:
        """The intersection for each of L, a and b."""
        # Both sides count equally many pixels, so the intersection of the counts is divided once, by either sum.
        counts = rows.double().sum(0)
        return dict(zip(NAMES, (counts.amin(0).sum(-1) / counts[0].sum(-1)).tolist(), strict=True))

    def _counts(self, pictures: Tensor) -> Tensor:
        arrays = stored(pictures).nan_to_num(0).byte().movedim(1, -1).cpu().numpy()
        return torch.stack([torch.from_numpy(self._histograms(a)) for a in arrays])

    def _histograms(self, picture: Array) -> Array:
        """(3, bins) float64 of (H, W, 3) uint8."""
        lab = np.concatenate(split_lab(picture), axis=-1).reshape(-1, 3)
        columns = zip(lab.T, RANGES, strict=True)
        # Clipped: np.histogram ignores values outside its range, and rounding can put a colour just outside.
        counts = [np.histogram(values.clip(*ends), self.bins, ends)[0] for values, ends in columns]
        return np.stack(counts).astype(np.float64)
