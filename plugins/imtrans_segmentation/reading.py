"""The classes of one side of the data, and what was predicted against them."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from imtrans.errors import ConfigError, ShapeError
from imtrans.interfaces import Batch, ImageSpec
from imtrans_segmentation.confusion import confusion, enlarged
from imtrans_segmentation.palette import Palette
from imtrans_segmentation.palette_csv import palette

LABELS = "labels"  # the extra of a batch that holds the numbers of the official label files, in full size


@dataclass(frozen=True, kw_only=True)
class Classes:
    """Tells the classes, numbered from 0, of a side's pixels: by `palette`, or where it is None, of one-hot planes."""

    count: int
    palette: Palette | None = None

    def read(self, side: Tensor) -> Tensor:
        """(B, H, W) int64 of a side as networks see it; `count` is void."""
        return self.palette.read(side) if self.palette else side.argmax(1)

    def fingerprint(self) -> str:
        return self.palette.fingerprint() if self.palette else f"{self.count} planes"

    def counted(self, truth: Tensor, predicted: Tensor, batch: Batch) -> Tensor:
        """Confusion counts (B, 2, K, K + 1): against `truth`, (B, H, W), and against the official labels in full size.

        `predicted` (B, h, w) is brought to either size by the nearest pixel. Zeros where there are no such labels.
        """
        size = (int(truth.shape[1]), int(truth.shape[2]))
        small = confusion(truth, enlarged(predicted, size), self.count)
        labels = batch.extras.get(LABELS)
        if labels is None or self.palette is None or not self.palette.ids:
            return torch.stack([small, torch.zeros_like(small)], 1)
        size = (int(labels.shape[2]), int(labels.shape[3]))
        full = confusion(self.palette.of_ids(labels[:, 0].long()), enlarged(predicted, size), self.count)
        return torch.stack([small, full], 1)


def classes(spec: ImageSpec, path: Path | None, *, where: str) -> Classes:
    """How the classes of such a signal are told; ConfigError, beginning with `where`, for what has none."""
    if spec.kind == "labels":
        if path is not None:
            raise ConfigError(f"{where}: these are class numbers, not colours", hint="Leave the palette out.")
        return Classes(count=spec.num_channels)
    if spec.channels != 3 or spec.space or spec.kind != "image":
        raise ConfigError(
            f"{where}: labels must be painted in colours (RGB), not {spec.space or spec.kind} of {spec.channels} "
            "channels",
            hint="Choose another metric; all of them: imtrans list metrics",
        )
    found = palette(path)
    return Classes(count=found.count, palette=found)


def check_shapes(prediction: Tensor, side: Tensor, *, name: str) -> None:
    """Broadcasting would silently compare every picture with every other."""
    if len(prediction) != len(side) or prediction.shape[2:] != side.shape[2:]:
        raise ShapeError(f"prediction is {tuple(prediction.shape)}, {name} {tuple(side.shape)}")
