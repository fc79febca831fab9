"""A run of one's own that paints the labels of photos, as a network that tells classes."""

import hashlib
import os
from pathlib import Path

import torch
from torch import Tensor, nn

import imtrans
from imtrans.errors import ConfigError, NotInstalledError
from imtrans.interfaces import ImageSpec
from imtrans.kit.images import from_range, resize, to_range
from imtrans.kit.pretrained import fingerprint
from imtrans_segmentation import palette_csv

SEED = 0  # of the noise, if the run has any: equal photos have equal classes
RUNS = Path("runs")
TRAIN = "imtrans run label-scorer --dataset cityscapes --name label-scorer"


class LabelTranslator(nn.Module):
    """Classes of photos, (B, 1, h, w) int64, of photos (B, 3, H, W) in [-1, 1]; h and w are those it was trained at.

    Each photo is brought to that size as the run's own pictures were, translated on the photo's device, and read by
    the nearest colour of the palette; a run whose targets are labels gives them as they are. NotInstalledError where there
    is no such run, CheckpointError for one that cannot be used.
    """

    def __init__(self, *, run: str, palette: Path | None) -> None:
        super().__init__()
        self._run, self._palette = run, palette_csv.palette(palette)
        self._load(torch.device("cpu"))
        _check(run, self._loaded.source, self._loaded.target)

    def forward(self, photo: Tensor) -> Tensor:
        if photo.device != self._device:
            self._load(photo.device)
        return torch.stack([self._classes(one) for one in photo.detach()]).to(photo.device)

    def fingerprint(self) -> str:
        """What tells this network from another: its weights, how it is run, and its palette."""
        model = self._loaded.model
        modules = {**model.networks, **{f"ema.{k}": v.module for k, v in model.averages.items()}}
        weights = [fingerprint(module) for _, module in sorted(modules.items())]
        told = (weights, repr(model.config.inference), self._size, self._palette.fingerprint())
        return hashlib.sha256(repr(told).encode()).hexdigest()

    @property
    def _size(self) -> tuple[int, int]:
        size = self._loaded.model.config.data.size
        return size[0], size[-1]

    def _load(self, device: torch.device) -> None:
        if not any(os.path.exists(place) for place in (self._run, RUNS / self._run)):
            raise NotInstalledError(
                f"network 'label-translator': no run {self._run!r} that paints the labels of photos",
                hint=f"Train one: {TRAIN}\nor name yours: --set metrics.segmentation.network.run=RUN",
            )
        self._loaded = imtrans.load(self._run, device=str(device) if device.type == "cuda" else device.type)
        self._device = device

    def _classes(self, photo: Tensor) -> Tensor:
        """(1, h, w) of one photo."""
        interpolation = self._loaded.model.config.data.interpolation or "bilinear"
        small = resize(from_range(photo, ImageSpec()), self._size, interpolation)
        painted = torch.from_numpy(self._loaded.translate(small, seed=SEED)).movedim(-1, 0)
        if self._loaded.target.kind == "labels":
            return painted.long()
        return self._palette.read(to_range(painted[None], self._loaded.target))


def _check(run: str, source: ImageSpec, target: ImageSpec) -> None:
    if source.kind != "image" or source.channels != 3 or (target.kind != "labels" and target.channels != 3):
        raise ConfigError(
            f"network 'label-translator': run {run!r} does not translate photos to painted labels",
            hint=f"Train one that does: {TRAIN}",
        )
