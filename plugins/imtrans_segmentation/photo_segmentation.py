"""Photos made of labels, judged by the labels that a network finds again in them."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from imtrans.errors import ConfigError, PluginError, ShapeError
from imtrans.interfaces import Batch, Context
from imtrans.kit.pretrained import fingerprint
from imtrans_segmentation.confusion import summary
from imtrans_segmentation.reading import check_shapes, classes

if TYPE_CHECKING:
    from imtrans_segmentation import SegmentationOptions


class Segmentation:
    """Confusion counts of what a network sees in photos, (B, 2, K, K + 1) int64, against the labels they were made of.

    The network takes photos (B, 3, H, W) in [-1, 1] and gives logits (B, classes, h, w), or whole numbers of classes
    (B, 1, h, w), of any size; every class from K on is void. Truth is the source, read as painted labels or planes,
    and in full size the official label numbers, where the batch has them.
    """

    def __init__(self, options: "SegmentationOptions", context: Context) -> None:
        target = context.data_spec.target
        if target.kind != "image" or target.channels != 3:
            raise ConfigError(
                f"segmentation: it judges photos (RGB), not {target.kind} of {target.channels} channels",
                hint="Choose another metric; all of them: imtrans list metrics",
            )
        self._name = options.network.name
        self._classes = classes(context.data_spec.source, options.palette, where="segmentation")
        self._network = context.make("network", options.network)
        if not isinstance(self._network, nn.Module):
            raise PluginError(f"network {self._name!r} gave {type(self._network).__name__}, not a torch.nn.Module")
        self._network.eval()

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        check_shapes(prediction, batch.source, name="source")
        return self._classes.counted(self._classes.read(batch.source), self._seen(prediction), batch)

    def aggregate(self, rows: Tensor) -> Mapping[str, float]:
        return summary(rows, prefix="seg_")

    def fingerprint(self) -> str:
        """What tells this metric from one with another network: its weights, and what colours the labels have."""
        own = getattr(self._network, "fingerprint", None)
        network = own() if own else fingerprint(self._network)
        return hashlib.sha256(f"{network} {self._classes.fingerprint()}".encode()).hexdigest()

    def _seen(self, photo: Tensor) -> Tensor:
        """The classes (B, h, w) that the network sees, all that is none of the K as K."""
        with torch.no_grad():
            told: Tensor = self._network.to(photo.device)(photo.detach().float())
        count, is_logits = self._classes.count, told.is_floating_point()
        channels = told.shape[1] if told.dim() == 4 and len(told) == len(photo) else 0
        if not (channels >= count if is_logits else channels == 1):
            raise ShapeError(
                f"network {self._name!r} gave {tuple(told.shape)} of {told.dtype} for {len(photo)} photos: "
                f"must be logits ({len(photo)}, at least {count}, h, w) or whole numbers ({len(photo)}, 1, h, w)"
            )
        found = told.argmax(1) if is_logits else told[:, 0].long()
        return torch.where((found < 0) | (found > count), count, found)
