"""Intersection over union of the classes of label maps."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from imtrans.errors import ConfigError, ShapeError
from imtrans.interfaces import Batch, Context
from imtrans_segmentation.confusion import confusion
from imtrans_segmentation.label_classes import LabelClasses


class IoU:
    """Pixels of each class, (B, 3, K) int64: predicted right, true, and predicted; of planes (B, K, *spatial).

    Pixels whose target is void (no plane is set) are left out; those that are predicted as void count as errors of
    their true class. Counts are summed over all pictures before they are divided, as in cityscapesScripts.
    """

    def __init__(self, *, context: Context) -> None:
        spec = context.data_spec.target
        if spec.kind != "labels":
            hint = "Read the classes of painted labels by label-colours, or set dataset.labels=target."
            raise ConfigError(f"iou: compares class numbers, and the targets are of kind {spec.kind!r}", hint=hint)
        self._classes = LabelClasses(count=spec.num_channels)

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        """The counts, (B, 3, K). ShapeError unless both have the same shape."""
        if prediction.shape != batch.target.shape:
            raise ShapeError(f"prediction is {tuple(prediction.shape)}, target {tuple(batch.target.shape)}")
        counts = confusion(self._classes.read(batch.target), self._classes.read(prediction), self._classes.count)
        right = counts.diagonal(dim1=1, dim2=2)
        return torch.stack([right, counts.sum(2), counts[..., :-1].sum(1)], 1)

    def aggregate(self, rows: Tensor) -> Mapping[str, float]:
        """Mean IoU, pixel accuracy and the IoU of each class that occurs; nothing if every pixel is void."""
        right, truth, predicted = rows.double().sum(0)
        present = self._present(rows)
        if not present:
            return {}
        iou = right / (truth + predicted - right)
        numbers = {"mean_iou": float(iou[present].mean()), "pixel_accuracy": float(right.sum() / truth.sum())}
        return numbers | {f"iou_{k}": float(iou[k]) for k in present}

    def notes(self, rows: Tensor) -> Sequence[str]:
        """Over which classes the mean is, and the rule for the others."""
        present, count = self._present(rows), self._classes.count
        absent = ", ".join(str(k) for k in range(count) if k not in present)
        left_out = f"; left out, as in cityscapesScripts: {absent}, in no target and no translation" if absent else ""
        return [f"mean_iou is over {len(present)} of {count} classes, counted over all pictures together{left_out}"]

    def _present(self, rows: Tensor) -> list[int]:
        _, truth, predicted = rows.sum(0)
        present: list[int] = (truth + predicted).nonzero().flatten().tolist()
        return present
