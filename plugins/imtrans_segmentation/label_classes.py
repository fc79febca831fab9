"""The classes that painted labels or one-hot planes show, and the confusion of predicted with true classes."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from imtrans.errors import ConfigError, ShapeError
from imtrans.interfaces import Batch, ImageSpec
from imtrans_segmentation import confusion as counting
from imtrans_segmentation.palette import Palette
from imtrans_segmentation.palette_csv import palette

LABELS = "labels"  # the extra of a batch that holds the numbers of the official label files, in full size


@dataclass(frozen=True, kw_only=True)
class LabelClasses:
    """Reads the classes of pixels, numbered from 0: by `palette`, or, where it is None, from one-hot planes."""

    count: int
    palette: Palette | None = None

    def read(self, side: Tensor) -> Tensor:
        """The classes (B, H, W) int64 of labels as networks see them, (B, C, H, W); `count` is void.

        Of planes, void are pixels with no plane set, and those with values that are not numbers.
        """
        if self.palette:
            return self.palette.read(side)
        return side.argmax(1).masked_fill((side == 0).all(1) | side.isnan().any(1), self.count)

    def fingerprint(self) -> str:
        """Identifies the classes: scores of other classes are never compared with these."""
        return self.palette.fingerprint() if self.palette else f"{self.count} planes"

    def confusion(self, truth: Tensor, predicted: Tensor, batch: Batch) -> Tensor:
        """Confusion counts (B, 2, K, K + 1): against `truth`, (B, H, W), and against the official labels in full size.

        `predicted` (B, h, w) is resized to either size by the nearest pixel. Zeros if there are no official labels.
        """
        size = (int(truth.shape[1]), int(truth.shape[2]))
        small = counting.confusion(truth, counting.resize_classes(predicted, size), self.count)
        labels = batch.extras.get(LABELS)
        # A user's palette has no label numbers: those of a batch belong to other classes.
        if labels is None or self.palette is None or not self.palette.ids:
            return torch.stack([small, torch.zeros_like(small)], 1)
        size = (int(labels.shape[2]), int(labels.shape[3]))
        true_classes = self.palette.of_ids(labels[:, 0].long())
        full = counting.confusion(true_classes, counting.resize_classes(predicted, size), self.count)
        return torch.stack([small, full], 1)


def label_classes(spec: ImageSpec, path: Path | None, *, where: str) -> LabelClasses:
    """The reader of the classes in such images; ConfigError, beginning with `where`, for images without classes."""
    if spec.kind == "labels":
        if path is not None:
            raise ConfigError(f"{where}: these are class numbers, not colours", hint="Leave the palette out.")
        return LabelClasses(count=spec.num_channels)
    if spec.channels != 3 or spec.space or spec.kind != "image":
        raise ConfigError(
            f"{where}: labels must be painted in colours (RGB), not {spec.space or spec.kind} of {spec.channels} "
            "channels",
            hint="Choose another metric; all of them: imtrans list metrics",
        )
    colours = palette(path)
    return LabelClasses(count=colours.count, palette=colours)


def check_shapes(prediction: Tensor, side: Tensor, *, name: str) -> None:
    """ShapeError unless batch and size are equal: broadcasting would silently compare every image with every other."""
    if len(prediction) != len(side) or prediction.shape[2:] != side.shape[2:]:
        raise ShapeError(f"prediction is {tuple(prediction.shape)}, {name} {tuple(side.shape)}")
