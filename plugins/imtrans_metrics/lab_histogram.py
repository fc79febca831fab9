"""The colours of all pictures against those of all targets."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imtrans.interfaces import Batch
from imtrans.kit.images.color import AB, LIGHTNESS, split_lab
from imtrans_metrics.tensor_checks import check, colour, stored, void

Array = np.ndarray[Any, Any]
NAMES = ("lab_l", "lab_a", "lab_b")
RANGES = tuple((s.low, s.high) for s in (LIGHTNESS, AB, AB))  # no colour of sRGB lies beyond


class LabHistogram:
    """Intersection of the marginal histograms of CIE Lab (D65) over all pictures and all targets, each summing to 1.

    The sum over bins of the smaller share: 1 for sets of the same colours, 0 for sets that share none. Rows are counts,
    (B, 2, 3, bins) float64: of prediction and target, of lightness in [0, 100], a and b in [-110, 110]. The pix2pix
    paper (figure 7(d)) does not tell its bins; with fewer of them every number rises.
    """

    def __init__(self, *, bins: int = 51) -> None:
        self.bins = bins

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        check(prediction, batch.target)
        sides = [self._counts(colour("lab-histogram", p)) for p in (prediction, batch.target)]
        return void(torch.stack(sides, 1), prediction, batch.target)

    def aggregate(self, rows: Tensor) -> Mapping[str, float]:
        counts = rows.double().sum(0)  # of as many pixels on either side: shares of them need no rounding before
        return dict(zip(NAMES, (counts.amin(0).sum(-1) / counts[0].sum(-1)).tolist(), strict=True))

    def _counts(self, pictures: Tensor) -> Tensor:
        arrays = stored(pictures).nan_to_num(0).byte().movedim(1, -1).cpu().numpy()
        return torch.stack([torch.from_numpy(self._histograms(a)) for a in arrays])

    def _histograms(self, picture: Array) -> Array:
        """(3, bins) float64 of (H, W, 3) uint8."""
        lab = np.concatenate(split_lab(picture), axis=-1).reshape(-1, 3)
        columns = zip(lab.T, RANGES, strict=True)
        counts = [np.histogram(values.clip(*ends), self.bins, ends)[0] for values, ends in columns]
        return np.stack(counts).astype(np.float64)
