"""Photos generated from labels, scored by the labels that a network finds in them."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from imtrans import ComponentRef
from imtrans.errors import ConfigError, PluginError, ShapeError
from imtrans.interfaces import Batch, Context
from imtrans.kit.pretrained import fingerprint
from imtrans_segmentation.confusion import summary
from imtrans_segmentation.label_classes import check_shapes, label_classes


class Segmentation:
    """Confusion counts, (B, 2, K, K + 1) int64: classes that a network finds in photos, and those of their source.

    The network takes photos (B, 3, H, W) in [-1, 1] and gives logits (B, classes, h, w), or class numbers
    (B, 1, h, w), of any size; every class from K on is void. Truth is the source, read as painted labels or planes,
    and in full size the official label numbers, if the batch has them.
    """

    def __init__(self, *, network: ComponentRef, palette: Path | None, context: Context) -> None:
        target = context.data_spec.target
        if target.kind != "image" or target.channels != 3:
            raise ConfigError(
                f"segmentation: it scores photos (RGB), not {target.kind} of {target.channels} channels",
                hint="Choose another metric; all of them: imtrans list metrics",
            )
        self._name = network.name
        self._classes = label_classes(context.data_spec.source, palette, where="segmentation")
        self._network = context.make("network", network)
        if not isinstance(self._network, nn.Module):
            raise PluginError(f"network {self._name!r} gave {type(self._network).__name__}, not a torch.nn.Module")
        self._network.eval()

    def compute(self, prediction: Tensor, batch: Batch) -> Tensor:
        """The counts, (B, 2, K, K + 1). ShapeError for output that is neither logits nor class numbers."""
        check_shapes(prediction, batch.source, name="source")
        return self._classes.confusion(self._classes.read(batch.source), self._predicted(prediction), batch)

    def aggregate(self, rows: Tensor) -> Mapping[str, float]:
        """Accuracies and IoU over all images."""
        return summary(rows, prefix="seg_")

    def fingerprint(self) -> str:
        """Identifies the network, by its own `fingerprint` or its weights, and the palette of the labels."""
        # A network may depend on more than its weights, as on the size to which it resizes.
        of_network = getattr(self._network, "fingerprint", None)
        network = of_network() if of_network else fingerprint(self._network)
        return hashlib.sha256(f"{network} {self._classes.fingerprint()}".encode()).hexdigest()

    def _predicted(self, photo: Tensor) -> Tensor:
        """The classes (B, h, w) that the network finds; any that is not one of the K becomes K, void."""
        with torch.no_grad():
            output: Tensor = self._network.to(photo.device)(photo.detach().float())
        count, is_logits = self._classes.count, output.is_floating_point()
        channels = output.shape[1] if output.dim() == 4 and len(output) == len(photo) else 0
        if not (channels >= count if is_logits else channels == 1):
            raise ShapeError(
                f"network {self._name!r} gave {tuple(output.shape)} of {output.dtype} for {len(photo)} photos: "
                f"must be logits ({len(photo)}, at least {count}, h, w) or whole numbers ({len(photo)}, 1, h, w)"
            )
        classes = output.argmax(1) if is_logits else output[:, 0].long()
        return torch.where((classes < 0) | (classes > count), count, classes)
