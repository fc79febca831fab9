"""Confusion counts of classes, and the scores computed from them."""

from collections.abc import Mapping

import torch
from torch import Tensor

from imtrans.kit.images import resize_nearest

# As in the authors' evaluation: a class that occurs nowhere then counts as 0 in the means; it is not left out.
EPSILON = 1e-12


def confusion(truth: Tensor, predicted: Tensor, count: int) -> Tensor:
    """How often each of `count` classes was predicted as each: (B, K, K + 1) int64 of two (B, H, W) int64.

    Pixels whose truth is void (`count`) are left out; the last column counts what was predicted as void.
    """
    cells = (count + 1) ** 2
    images = torch.arange(len(truth), device=truth.device).view(-1, *[1] * (truth.dim() - 1))
    # One bincount over (image, truth, predicted) for the batch: in a loop over images each would wait for the GPU.
    indices = (images * cells + truth * (count + 1) + predicted).flatten()
    counts = torch.bincount(indices, minlength=len(truth) * cells)
    return counts.view(len(truth), count + 1, count + 1)[:, :count]


def resize_classes(classes: Tensor, size: tuple[int, int]) -> Tensor:
    """Classes (B, h, w) at another size, by the nearest pixel."""
    if tuple(classes.shape[1:]) == size:
        return classes
    return resize_nearest(classes, size)


def scores(counts: Tensor) -> dict[str, float]:
    """Accuracy of pixels, mean accuracy of classes and mean IoU, of confusion counts (K, K + 1).

    The formulas of the evaluation of pix2pix: trace / sum, diagonal / truth, diagonal / (truth + predicted - diagonal).
    Pixels predicted as void count as errors of their true class; void itself is not a class.
    """
    counts = counts.double()
    right, truth, predicted = counts.diagonal(), counts.sum(1), counts[:, :-1].sum(0)
    return {
        "pixel_accuracy": float(right.sum() / (counts.sum() + EPSILON)),
        "class_accuracy": float((right / (truth + EPSILON)).mean()),
        "class_iou": float((right / (truth + predicted - right + EPSILON)).mean()),
    }


def summary(rows: Tensor, *, prefix: str = "") -> Mapping[str, float]:
    """The scores of all images together, (N, 2, K, K + 1): at the protocol's size, and in full size where counted."""
    small, full = rows.sum(0)
    numbers = {f"{prefix}{k}": v for k, v in scores(small).items()}
    if full.any():
        numbers |= {f"{prefix}full_{k}": v for k, v in scores(full).items()}
    return numbers
