"""The Inception network of FID and KID, as converted from the TensorFlow graph by torch-fidelity."""

from pathlib import Path
from typing import Any

from torch import Tensor

from imtrans.kit import pretrained, weight_file
from imtrans.kit.pretrained import Published
from imtrans_metrics.tensor_checks import colour, stored

PUBLISHED = Published(
    url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
    others=("pt_inception-2015-12-05-6726825d.pth",),  # as pytorch-fid names it
)
FEATURES = "2048"


class Inception:
    """Pooled features, (B, 2048), of images (B, 1 or 3, H, W) in [-1, 1], rounded to 8 bits as in a file.

    Images are resized to 299 px as TensorFlow 1 did, without antialiasing: published numbers were computed that way.
    """

    resizing = "299 px as by TensorFlow 1, without smoothing"

    def __init__(self, metric: str, *, file: Path | None, fetch: bool) -> None:
        module = pretrained.package("torch_fidelity.feature_extractor_inceptionv3", metric=metric)
        path = pretrained.locate(PUBLISHED, metric=metric, file=file, fetch=fetch)
        # Read first, by a reader that runs nothing: torch-fidelity unpickles, and would run any code in the file.
        weight_file.read(path)
        try:
            with pretrained.forked_rng():
                self.network: Any = module.FeatureExtractorInceptionV3(metric, [FEATURES], str(path))
        except RuntimeError:
            raise weight_file.mismatch_error(path, "they do not fit torch-fidelity's Inception") from None
        self.network.eval().requires_grad_(False)  # torch-fidelity 0.3 does not
        self.metric = metric

    def pooled(self, pictures: Tensor) -> Tensor:
        """The features, (B, 2048) float32, on the device of the images."""
        pixels = stored(colour(self.metric, pictures)).nan_to_num(0).byte()
        features: Tensor = self.network.to(pictures.device)(pixels)[0]
        return features

    def fingerprint(self) -> str:
        """Identifies the weights."""
        return pretrained.fingerprint(self.network)
