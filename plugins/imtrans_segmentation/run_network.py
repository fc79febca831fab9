"""A trained run that paints the labels of photos, used as a segmentation network."""

import hashlib
import os
from pathlib import Path

import torch
from torch import Tensor, nn

import imtrans
from imtrans.errors import ConfigError, NotInstalledError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import from_range, resize, to_range
from imtrans_segmentation import palette_csv

SEED = 0  # of the noise, if the run has any: equal photos must have equal classes
RUNS = Path("runs")
TRAIN = "imtrans run label-scorer --dataset cityscapes --name label-scorer"


class LabelTranslator(nn.Module):
    """Classes of photos, (B, 1, h, w) int64, of photos (B, 3, H, W) in [-1, 1]; h and w are those it was trained at.

    Each photo is resized as the training images of the run were, translated on the photo's device, and read by the
    nearest colour of the palette; the labels of a run whose targets are labels are used directly. NotInstalledError if
    there is no such run, CheckpointError for one that cannot be loaded.
    """

    def __init__(self, *, run: str, palette: Path | None) -> None:
        super().__init__()
        self._run, self._palette = run, palette_csv.palette(palette)
        self._load(torch.device("cpu"))
        _check(run, self._translator.source, self._translator.target)

    def forward(self, photo: Tensor) -> Tensor:
        """The class of each pixel, (B, 1, h, w) int64, on the photos' device."""
        if photo.device != self._device:
            self._load(photo.device)
        return torch.stack([self._classes(image) for image in photo.detach()]).to(photo.device)

    def fingerprint(self) -> str:
        """Identifies the network: the translator, its input size, and the palette."""
        identity = (self._translator.fingerprint, self._translator.size, self._palette.fingerprint())
        return hashlib.sha256(repr(identity).encode()).hexdigest()

    def _load(self, device: torch.device) -> None:
        if not any(os.path.exists(path) for path in (self._run, RUNS / self._run)):
            raise NotInstalledError(
                f"network 'label-translator': no run {self._run!r} that paints the labels of photos",
                hint=f"Train one: {TRAIN}\nor name yours: --set metrics.segmentation.network.run=RUN",
            )
        # Loaded again for another device: a Translator cannot be moved.
        self._translator = imtrans.load(self._run, device=str(device) if device.type == "cuda" else device.type)
        self._device = device

    def _classes(self, photo: Tensor) -> Tensor:
        """(1, h, w) of one photo."""
        interpolation = self._translator.model.config.data.interpolation or "bilinear"
        height, width = self._translator.size[0], self._translator.size[-1]
        small = resize(from_range(photo, ImageSpec()), (height, width), interpolation)
        painted = torch.from_numpy(self._translator.translate(small, seed=SEED)).movedim(-1, 0)
        if self._translator.target.kind == "labels":
            return painted.long()
        return self._palette.read(to_range(painted[None], self._translator.target))


def _check(run: str, source: ImageSpec, target: ImageSpec) -> None:
    if source.kind != "image" or source.channels != 3 or (target.kind != "labels" and target.channels != 3):
        raise ConfigError(
            f"network 'label-translator': run {run!r} does not translate photos to painted labels",
            hint=f"Train one that does: {TRAIN}",
        )
