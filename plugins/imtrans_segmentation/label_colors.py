"""Painted labels compared with the true ones."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from imtrans.interfaces import Batch, Context
from imtrans_segmentation.confusion import summary
from imtrans_segmentation.label_classes import check_shapes, label_classes


class LabelColours:
    """Confusion counts of painted labels, (B, 2, K, K + 1) int64: at the size of the images, and in full size.

    Truth and prediction are (B, 3, H, W) in [-1, 1], or of labels (B, K, H, W), one plane a class. In full size, the
    predicted classes (not colours) are enlarged by the nearest pixel and compared with the official label numbers, if
    the batch has them.
    """

    def __init__(self, *, palette: Path | None, context: Context) -> None:
        self._classes = label_classes(context.data_spec.target, palette, where="label-colours")

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        """The counts, (B, 2, K, K + 1). ShapeError unless both have one size."""
        check_shapes(prediction, batch.target, name="target")
        return self._classes.confusion(self._classes.read(batch.target), self._classes.read(prediction), batch)

    def aggregate(self, rows: Tensor) -> Mapping[str, float]:
        """Accuracies and IoU over all images."""
        return summary(rows)

    def fingerprint(self) -> str:
        """Identifies the palette."""
        return self._classes.fingerprint()
