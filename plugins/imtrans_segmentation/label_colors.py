"""Painted labels against the true ones."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from imtrans.interfaces import Batch, Context
from imtrans_segmentation.confusion import summary
from imtrans_segmentation.reading import check_shapes, classes

if TYPE_CHECKING:
    from imtrans_segmentation import ColourOptions


class LabelColours:
    """Confusion counts of painted labels, (B, 2, K, K + 1) int64: at the size of comparison, and in full size.

    Truth and prediction are (B, 3, H, W) in [-1, 1], or of labels (B, K, H, W), one plane a class. In full size stand
    the predicted classes, not colours, enlarged by the nearest pixel, against the official label numbers, where the
    batch has them.
    """

    def __init__(self, options: "ColourOptions", context: Context) -> None:
        self._classes = classes(context.data_spec.target, options.palette, where="label-colours")

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        check_shapes(prediction, batch.target, name="target")
        return self._classes.counted(self._classes.read(batch.target), self._classes.read(prediction), batch)

    def aggregate(self, rows: Tensor) -> Mapping[str, float]:
        return summary(rows)

    def fingerprint(self) -> str:
        """What tells this metric from one of other colours."""
        return self._classes.fingerprint()
