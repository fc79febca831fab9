"""Which class was taken for which, and the numbers that follow from it."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

EPSILON = 1e-12  # of the original's denominators: a class that occurs nowhere counts as 0, it is not passed over


def confusion(truth: Tensor, predicted: Tensor, count: int) -> Tensor:
    """How often each of `count` classes was taken for each: (B, K, K + 1) int64 of two (B, H, W) int64.

    Pixels whose truth is void (`count`) are left out; the last column counts what was taken for void.
    """
    room = (count + 1) ** 2
    pictures = torch.arange(len(truth), device=truth.device).view(-1, *[1] * (truth.dim() - 1))
    places = (pictures * room + truth * (count + 1) + predicted).flatten()
    counted = torch.bincount(places, minlength=len(truth) * room)
    return counted.view(len(truth), count + 1, count + 1)[:, :count]


def enlarged(classes: Tensor, size: tuple[int, int]) -> Tensor:
    """Classes (B, h, w) at another size, each pixel that of the nearest."""
    if tuple(classes.shape[1:]) == size:
        return classes
    return F.interpolate(classes[:, None].float(), size, mode="nearest-exact")[:, 0].long()


def scores(counts: Tensor) -> dict[str, float]:
    """Accuracy of pixels, mean accuracy of classes and mean IoU, of confusion counts (K, K + 1).

    The formulas of the original's evaluation: trace / sum, diagonal / truth, diagonal / (truth + predicted - diagonal).
    What was taken for void is in its true class's truth, and so in both means; void itself is no class.
    """
    told = counts.double()
    right, truth, predicted = told.diagonal(), told.sum(1), told[:, :-1].sum(0)
    return {
        "pixel_accuracy": float(right.sum() / (told.sum() + EPSILON)),
        "class_accuracy": float((right / (truth + EPSILON)).mean()),
        "class_iou": float((right / (truth + predicted - right + EPSILON)).mean()),
    }


def summary(rows: Tensor, *, prefix: str = "") -> Mapping[str, float]:
    """The scores of all pictures together, (N, 2, K, K + 1): at the size of comparison, and in full where counted."""
    small, full = rows.sum(0)
    told = {f"{prefix}{k}": v for k, v in scores(small).items()}
    if full.any():
        told |= {f"{prefix}full_{k}": v for k, v in scores(full).items()}
    return told
